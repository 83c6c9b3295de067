"""A target that demands approvals: only a token for exactly this operation lets it be written to."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from overwatch_mcp.approval_token import content_hash, read_key, sign
from overwatch_mcp.errors import ConfigError
from overwatch_mcp.operations import Call

KEY = b"k" * 32
SCALE = {"region": "east", "replicas": 4}


@pytest.fixture
def guarded(bench, tmp_path):
    path = tmp_path / "approval.key"
    path.write_bytes(KEY)
    path.chmod(0o600)
    bench.config["targets"]["demo"]["approval_key_file"] = str(path)
    bench.anew()
    return bench


async def scale(bench, token: str | None, operation_id: str = "op-1", dry_run: bool = False, **more):
    effect = await bench.workshop.effect("scale_service", "demo", {**SCALE, **more}, operation_id)
    return await bench.workshop.operations.execute(effect, Call(operation_id, 0, dry_run, token))


def token(bench, operation_id: str = "op-1", key: bytes = KEY, seconds: float = 60, **arguments) -> str:
    return token_for(bench, content_hash("scale_service", "demo", {**SCALE, **arguments}), operation_id, key, seconds)


def token_for(bench, content: str, operation_id: str = "op-1", key: bytes = KEY, seconds: float = 60) -> str:
    return sign(key, operation_id, content, bench.clock.now() + timedelta(seconds=seconds))


async def test_the_right_token_lets_it_happen(guarded):
    assert (await scale(guarded, token(guarded))).status == "succeeded"
    assert (await guarded.platform.service("east")).replicas_ready == 4


def unsigned(bench) -> str:
    payload, _, _ = token(bench).partition(".")
    return f"{payload}."


def resigned(bench, **said) -> str:
    """A token whose payload was changed under the old signature."""
    payload, _, signature = token(bench).partition(".")
    content = {**json.loads(base64.urlsafe_b64decode(payload + "==")), **said}
    return f"{base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b'=').decode()}.{signature}"


WRONG = {
    "none": (lambda b: None, "demands an approval token"),
    "another key": (lambda b: token(b, key=b"x" * 32), "not signed with this target's key"),
    "no signature": (unsigned, "not signed"),
    "a longer life than was signed": (lambda b: resigned(b, expires=4_000_000_000), "not signed"),
    "another operation": (lambda b: token(b, "op-2"), "for another operation"),
    "another target": (lambda b: token_for(b, content_hash("scale_service", "shop", SCALE)), "for other arguments"),
    "another tool": (lambda b: token_for(b, content_hash("restart_service", "demo", SCALE)), "for other arguments"),
    "a fraction": (lambda b: token(b, replicas=4.0), "for other arguments"),
    "other arguments": (lambda b: token(b, replicas=5), "for other arguments"),
    "another expectation": (lambda b: token(b, expected_replicas=2), "for other arguments"),
    "over": (lambda b: token(b, seconds=-1), "ended at"),
    "over now": (lambda b: token(b, seconds=0), "ended at"),
    "for ever": (lambda b: token(b, seconds=86_400), "may last 1:00:00 at most"),
    "no token": (lambda b: "§§§.\ud800", "not signed"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_whatever_else_is_sent_does_nothing(guarded, case):
    make, words = WRONG[case]
    result = await scale(guarded, make(guarded))
    assert result.status == "refused"
    assert words in result.error
    assert guarded.platform.revisions_made() == 0
    assert (await guarded.workshop.operations.get("op-1")).known is False


async def test_a_token_binds_the_expected_state_too(guarded):
    assert (await scale(guarded, token(guarded), expected_replicas=2)).status == "refused"
    assert (await scale(guarded, token(guarded, expected_replicas=2), expected_replicas=2)).status == "succeeded"


async def test_an_undoing_needs_a_token_for_the_inverse_and_what_it_expects(guarded):
    await scale(guarded, token(guarded))

    async def undo(content: str):
        effect = await guarded.workshop.undo("op-1", "undo")
        call = Call("undo", approval_token=token_for(guarded, content, "undo"), undoes="op-1")
        return await guarded.workshop.operations.execute(effect, call)

    inverse = {"region": "east", "replicas": 2}
    assert (await undo(content_hash("scale_service", "demo", inverse))).status == "refused"
    assert (await undo(content_hash("scale_service", "demo", inverse | {"expected_replicas": 4}))).status == "succeeded"
    assert (await guarded.platform.service("east")).replicas_ready == 2


@pytest.mark.parametrize("good", [False, True])
async def test_a_token_is_in_no_answer_no_record_and_no_log(guarded, caplog, good):
    caplog.set_level("DEBUG")
    sent = token(guarded, replicas=4 if good else 5)
    result = await scale(guarded, sent)
    record = await guarded.workshop.operations.get("op-1")
    held = list(guarded.workshop.journal._db.iterdump())
    for text in (result.model_dump_json(), record.model_dump_json(), caplog.text, *held):
        assert sent not in text
        assert sent.partition(".")[2] not in text
    assert (result.status, bool(held)) == ("succeeded" if good else "refused", True)


def test_what_is_null_is_not_there_and_the_order_of_names_does_not_count():
    one = content_hash("restart_service", "demo", {"region": "é", "expected_revision": None})
    assert one == content_hash("restart_service", "demo", {"region": "\u00e9"})
    assert one != content_hash("restart_service", "demo", {"region": "e\u0301"})
    assert content_hash("t", "demo", {"a": 1, "b": {"c": 2, "d": 3}}) == content_hash(
        "t", "demo", {"b": {"d": 3, "c": 2}, "a": 1}
    )


async def test_a_token_has_one_effect(guarded):
    same = token(guarded)
    await scale(guarded, same)
    again = await scale(guarded, same)
    assert again.replayed
    assert guarded.platform.revisions_made() == 1


async def test_a_dry_run_and_a_stored_result_need_none(guarded):
    assert (await scale(guarded, None, dry_run=True)).status == "planned"
    await scale(guarded, token(guarded))
    assert (await scale(guarded, None)).replayed


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [(b"short", 0o600, "has 5 bytes"), (KEY, 0o640, "can be read by others"), (None, 0, "can't read the approval key")],
)
async def test_a_key_that_can_not_be_trusted_lets_nothing_happen(guarded, content, mode, words):
    path = guarded.workshop.config.targets["demo"].approval_key_file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(ConfigError, match=words):
        await scale(guarded, token(guarded))
    assert guarded.platform.revisions_made() == 0


def test_white_space_around_a_key_does_not_count(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n")
    path.chmod(0o600)
    assert read_key(path) == KEY
