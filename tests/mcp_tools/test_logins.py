"""Variables for logging in come from a file that nobody else can read, and are no others."""

from __future__ import annotations

import json

import pytest

from overwatch_mcp.errors import ConfigError
from overwatch_mcp.logins import take_logins


@pytest.fixture
def written(tmp_path):
    def write(content, mode: int = 0o600):
        path = tmp_path / "logins.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        path.chmod(mode)
        return path

    return write


def test_what_is_not_set_is_added(written):
    environment = {"AZURE_CLIENT_ID": "mine"}
    take_logins(written({"AZURE_CLIENT_ID": "other", "IDENTITY_HEADER": "it's $HOME #1"}), environment)
    assert environment == {"AZURE_CLIENT_ID": "mine", "IDENTITY_HEADER": "it's $HOME #1"}
    take_logins(None, environment)
    assert len(environment) == 2


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ({"LD_PRELOAD": "/tmp/x.so"}, 0o600, "sets 'LD_PRELOAD'"),
        ({"AZURE_CLIENT_ID": "x"}, 0o640, "can be read by others"),
        ({"AZURE_CLIENT_ID": 7}, 0o600, "is no JSON object of texts"),
        ("AZURE_CLIENT_SECRET=hush", 0o600, "is no JSON object of texts"),
    ],
)
def test_another_file_is_refused_without_a_word_of_what_is_in_it(written, content, mode, words):
    environment: dict[str, str] = {}
    with pytest.raises(ConfigError, match=words) as refused:
        take_logins(written(content, mode), environment)
    assert environment == {}
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.json.*No such file"):
        take_logins(tmp_path / "none.json", {})
