"""What a person may change of a plan that waits for approval: one number or name of it, never what it acts on.

Pure. The way back stays the one that was recorded with the plan: an edit changes where it goes to, not where it came from, and
the executor looks right before the call whether that is still how things stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.events import is_person
from agents.facts import Action, Call, Strategy

NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
"""An image or a revision, as the platforms write them."""


class EditError(ValueError):
    """The plan can't be edited so; the text says what can be changed of it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: exactly one of the four is given. `to` is the region that takes all users."""

    replicas: int | None = None
    to: str | None = None
    image: str | None = None
    revision: str | None = None

    @property
    def what(self) -> str:
        """The name of what is changed. Raises EditError where that is not exactly one thing."""
        given = [name for name in ("replicas", "to", "image", "revision") if getattr(self, name) is not None]
        if len(given) != 1:
            wrong = f"{' and '.join(given)} can't be changed at once" if given else "nothing is to be changed"
            raise EditError(f"{wrong}: give one of replicas, to, image and revision")
        return given[0]


_EDITABLE = {"scale_service": "replicas", "switch_traffic": "to", "deploy_container": "image", "rollback_revision": "revision"}


def edited(strategy: Strategy, edit: Edit, *, by: str, id_: str) -> Strategy:
    """The plan with the change, under the id `id_`. Raises EditError where it can't be bound so."""
    what = edit.what
    if not is_person(by):
        raise EditError(f"{by!r} is not a person: the plan stays as it is")
    if strategy.requested_by is not None:
        raise EditError(f"{strategy.requested_by} asked for exactly this: ask for another failover instead")
    calls = [action for action in strategy.actions if action.call is not None]
    if len(strategy.actions) != 1 or not calls:
        raise EditError(f"a plan of {len(strategy.actions)} steps can't be edited: reject it with a reason")
    action = calls[0]
    call, back = action.call, action.inverse
    if call is None or back is None or _EDITABLE.get(call.tool) != what:
        able = _EDITABLE.get(call.tool) if call is not None and back is not None else None
        raise EditError(f"{what!r} can't be changed of {action.kind}: {f'change {able}' if able else 'reject it with a reason'}")
    changed, reach = _changed(call, back, edit, strategy.blast_radius)
    if changed == call:
        raise EditError(f"{call.describe()} is what the plan says already: approve it as it is")
    if _same_place(changed, back):
        raise EditError(f"{changed.describe()} is how things stand now: reject the plan instead")
    actions: tuple[Action, ...] = (action.model_copy(update={"call": changed}),)
    words = f"{by} edited it: {changed.describe()} instead of {call.describe()}. {strategy.rationale}"[:2_000]
    update = {"id": id_, "actions": actions, "blast_radius": reach, "edited_by": by, "rationale": words}
    return strategy.model_copy(update=update)


def _changed(call: Call, back: Call, edit: Edit, reach: float) -> tuple[Call, float]:
    """The changed call, and how many users it touches, 0..1: never fewer than before, but where the destination says so."""
    if edit.replicas is not None:
        if edit.replicas < 1:
            raise EditError(f"{edit.replicas} replicas would leave nobody serving: give 1 or more")
        before = back.replicas or edit.replicas
        return call.model_copy(update={"replicas": edit.replicas}), max(reach, 1 - edit.replicas / before)
    if edit.to is not None:
        shares = dict(back.weights or {})
        if edit.to not in shares:
            raise EditError(f"{edit.to!r} is not a region of {call.target!r}: choose one of {', '.join(sorted(shares))}")
        weights = dict.fromkeys(shares, 0) | {edit.to: 100}
        return call.model_copy(update={"weights": weights}), (100 - shares[edit.to]) / 100
    name = edit.image if edit.image is not None else edit.revision
    if name is None or NAMED.fullmatch(name) is None:
        raise EditError(f"{name!r} is no {edit.what}: letters, digits and . _ : / @ - alone, at most 255")
    return call.model_copy(update={edit.what: name}), reach


def _same_place(call: Call, back: Call) -> bool:
    return (call.replicas, call.weights, call.image, call.revision) == (back.replicas, back.weights, back.image, back.revision)
