"""The fixed bearer token: where it may come from, and how it changes."""

from __future__ import annotations

import os
import stat

import pytest

from overwatch_mcp.bearer_token import TOKEN_VARIABLE, FixedToken, TokenFile, from_environment
from overwatch_mcp.errors import ConfigError

TOKEN = "abcdefghijklmnopqrstuvwxyz-0123456789"
OTHER = TOKEN[::-1]
SCOPES = ("look", "act")


def written(path, token=TOKEN, mode=0o600):
    path.write_text(token + "\n")
    path.chmod(mode)
    return path


async def test_a_file_that_is_not_there_is_made_for_its_owner_alone_and_differs_each_time(tmp_path, caplog):
    tmp_path.chmod(0o700)
    TokenFile(tmp_path / "a", SCOPES)
    TokenFile(tmp_path / "b", SCOPES)
    first, second = ((tmp_path / name).read_text().strip() for name in "ab")
    assert first != second
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert first not in caplog.text
    verifier = TokenFile(tmp_path / "a", SCOPES)
    assert (await verifier.verify_token(first)).scopes == ["look", "act"]
    assert await verifier.verify_token(second) is None


async def test_what_is_known_of_the_caller_holds_no_token(tmp_path):
    found = await TokenFile(written(tmp_path / "token"), SCOPES).verify_token(TOKEN)
    assert TOKEN not in found.model_dump_json()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600"):
        TokenFile(written(tmp_path / "token", mode=mode), SCOPES)


def test_no_file_is_made_in_a_folder_that_others_may_write(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="not yours alone"):
        TokenFile(tmp_path / "token", SCOPES)
    assert not (tmp_path / "token").exists()


def test_no_file_is_made_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="make its folder"):
        TokenFile(tmp_path / "none" / "token", SCOPES)


def test_a_folder_is_no_token_file(tmp_path):
    with pytest.raises(ConfigError, match="can't read the token file"):
        TokenFile(tmp_path, SCOPES)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path):
    path = written(tmp_path / "token")
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to user 12345"):
        TokenFile(path, SCOPES)


@pytest.mark.parametrize("token", ["", "short", "x" * 31, "x" * 5000])
def test_a_token_of_another_length_is_refused(tmp_path, token):
    with pytest.raises(ConfigError, match=r"characters: take 32 to 4096.*openssl rand -hex 32"):
        TokenFile(written(tmp_path / "token", token), SCOPES)


@pytest.mark.parametrize("token", ["x" * 20 + " " + "x" * 20, "x" * 40 + "\r\nx-other: 1", "é" * 40, "x" * 40 + "=x"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(tmp_path, token):
    with pytest.raises(ConfigError, match="no bearer token has") as refused:
        TokenFile(written(tmp_path / "token", token), SCOPES)
    assert token not in str(refused.value)


async def test_a_new_token_counts_at_once_and_the_old_one_no_longer(tmp_path):
    path = written(tmp_path / "token")
    verifier = TokenFile(path, SCOPES)
    written(tmp_path / "new", OTHER).replace(path)
    assert await verifier.verify_token(TOKEN) is None
    assert await verifier.verify_token(OTHER) is not None


@pytest.mark.parametrize("spoil", [lambda p: p.unlink(), lambda p: written(p, "short"), lambda p: written(p, OTHER, 0o644)])
async def test_while_the_file_can_not_be_used_nobody_is_let_in_until_it_is_mended(tmp_path, caplog, spoil):
    path = written(tmp_path / "token")
    verifier = TokenFile(path, SCOPES)
    spoil(path)
    for token in (TOKEN, OTHER, "short", ""):
        assert await verifier.verify_token(token) is None
    assert caplog.text.count("nobody is let in") == 1
    written(path)
    assert await verifier.verify_token(TOKEN) is not None


@pytest.mark.parametrize("token", ["", "x", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "\udcff" * 40, "é" * 37])
async def test_any_other_token_is_refused(token):
    assert await FixedToken(TOKEN, SCOPES, "here").verify_token(token) is None


async def test_the_variable_is_taken_out_so_that_no_child_inherits_it():
    environment = {TOKEN_VARIABLE: TOKEN, "PATH": "/bin"}
    verifier = from_environment(environment, SCOPES)
    assert environment == {"PATH": "/bin"}
    assert await verifier.verify_token(TOKEN) is not None


@pytest.mark.parametrize("environment", [{}, {TOKEN_VARIABLE: ""}])
def test_without_any_token_there_is_no_server(environment):
    with pytest.raises(ConfigError, match=f"--token-file FILE.*{TOKEN_VARIABLE}"):
        from_environment(environment, SCOPES)
