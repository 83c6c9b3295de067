"""`approvals`, `approve`, `reject` and `edit`: a person's word on what waits, from any terminal and from any script."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overwatch_tui.cli.common import CommandError, JsonOption, UsageError, echo_json, with_store

if TYPE_CHECKING:
    from agents.durable.store import Store
    from agents.incident import Incident
    from agents.records import Approval

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The incident (INC-7), or the request itself.")]
BindingOption = Annotated[
    str,
    typer.Option(
        "--binding", metavar="SHA256", help="Decide only where this is still the plan: the `binding` of `approvals --json`."
    ),
]
ConfirmOption = Annotated[
    str | None,
    typer.Option("--confirm", metavar="TARGET", help="The target's name, for a plan that reaches many users. Asked for else."),
]


def approvals(as_json: JsonOption = False) -> None:
    """List what waits for a person: the plan, its reach, its undo, why it is asked, and until when."""
    from overwatch_tui.describe import calls
    from overwatch_tui.state.words import blast_radius, given

    async def work(store: Store) -> list[Incident]:
        return [i for i in await store.incidents(limit=1000, unresolved_only=True) if _waits(i)]

    found = with_store(work)
    if as_json:
        echo_json([_row(incident) for incident in found])
        return
    if not found:
        typer.echo("nothing waits for you")
    for incident in found:
        approval, plan = incident.approval, incident.strategy
        if approval is None or plan is None:
            continue
        typer.echo(f"{incident.id}  {approval.id}  {incident.target}: {calls(plan)}")
        typer.echo(f"  undo        {_undo(incident)}")
        typer.echo(f"  touches     {blast_radius(plan.blast_radius)}, confidence {plan.confidence.value:.2f}")
        for reason in approval.reasons:
            typer.echo(f"  asked       {reason}")
        if people := given(approval.people, approval.needs):
            typer.echo(f"  people      {people}")
        if approval.approvers:
            typer.echo(f"  may approve {', '.join(approval.approvers)}")
        typer.echo(f"  until       {approval.deadline:%H:%M:%S}Z")
        typer.echo(f"  to decide   overwatch-tui approve {incident.id}{_confirm(approval)}")


def approve(id_: IdArgument, confirm: ConfirmOption = None, binding: BindingOption = "", as_json: JsonOption = False) -> None:
    """Approve what an incident waits for. Without a terminal, what would be asked has to be given as an option."""
    incident = _named(id_)
    approval = incident.approval if incident is not None else None
    if approval is not None and approval.confirm:
        confirm = _typed(id_, incident, approval, confirm, ask=not as_json)
        binding = binding or approval.binding
    _decide(id_, approved=True, reason="", confirm=confirm or "", binding=binding, as_json=as_json)


def reject(
    id_: IdArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept, and the Strategist looks for something else.")],
    binding: BindingOption = "",
    as_json: JsonOption = False,
) -> None:
    """Reject what an incident waits for."""
    if not reason.strip():
        raise UsageError("--reason is empty: say why, the Strategist learns from it")
    _decide(id_, approved=False, reason=reason, confirm="", binding=binding, as_json=as_json)


def edit(
    id_: IdArgument,
    replicas: Annotated[int | None, typer.Option("--replicas", help="Scale to so many.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="REGION", help="Move all users there.")] = None,
    image: Annotated[str | None, typer.Option("--image", help="Deploy this image.")] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Go back to this revision.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Change one thing of the plan that waits. The request is void; the new plan is judged, and asks for a new approval."""
    from agents.edits import Edit, EditError
    from overwatch_tui.describe import calls
    from overwatch_tui.wiring import person

    change = Edit(replicas=replicas, to=to, image=image, revision=revision)
    try:
        change.what  # noqa: B018 - asked for its error
    except EditError as error:
        raise UsageError(str(error)) from error
    me = person()
    plan = with_store(lambda store: store.edit_strategy(id_, change, by=me))
    if as_json:
        echo_json({"by": me, "strategy": plan.model_dump(mode="json")})
        return
    typer.echo(f"{id_} edited by {me}: {calls(plan)}; it goes through the gate, and waits for a new approval")


def _decide(id_: str, *, approved: bool, reason: str, confirm: str, binding: str, as_json: bool) -> None:
    from overwatch_tui.describe import calls
    from overwatch_tui.state.words import given
    from overwatch_tui.wiring import person

    me = person()

    async def work(store: Store) -> tuple[str, Approval, bool]:
        waiting = [i for i in await store.incidents(limit=1000, unresolved_only=True) if i.approval and i.strategy]
        plans = {key: calls(i.strategy) for i in waiting if i.approval and i.strategy for key in (i.id, i.approval.id)}
        stands = await store.decide_approval(id_, approved=approved, by=me, reason=reason, confirm=confirm, binding=binding)
        return plans.get(id_, ""), stands, (await store.automation()).paused

    plan, stands, paused = with_store(work)
    complete = stands.approved is not None
    if as_json:
        document = stands.model_dump(mode="json", include={"id", "strategy", "binding", "needs", "given", "given_at", "reason"})
        echo_json({**document, "approved": stands.approved, "by": me, "paused": paused})
    elif complete:
        typer.echo(f"{id_} {'approved' if approved else 'rejected'} by {me}: {plan}")
    else:
        typer.echo(f"{id_}: {given(stands.people, stands.needs)}: {plan}")
    if approved and complete and paused:
        typer.echo("automation is paused: it is carried out after `overwatch-tui resume`", err=True)


def _named(id_: str) -> Incident | None:
    """The incident that waits under this name, if one does."""

    async def work(store: Store) -> Incident | None:
        waiting = [i for i in await store.incidents(limit=1000, unresolved_only=True) if _waits(i)]
        return next((i for i in waiting if i.approval and id_ in {i.id, i.approval.id}), None)

    return with_store(work)


def _typed(id_: str, incident: Incident | None, approval: Approval, confirm: str | None, *, ask: bool) -> str:
    """What the person types to approve: given as an option, or asked for on a terminal. Raises UsageError."""
    from overwatch_tui.describe import calls
    from overwatch_tui.state.words import blast_radius

    plan = incident.strategy if incident is not None else None
    if confirm is None and ask and sys.stdin.isatty() and incident is not None and plan is not None:
        typer.echo(f"{incident.id} would  {calls(plan)}", err=True)
        typer.echo(f"undo         {_undo(incident)}", err=True)
        typer.echo(f"touches      {blast_radius(plan.blast_radius)} of {incident.target}", err=True)
        confirm = typer.prompt(f"type {approval.confirm} to approve", default="", show_default=False, err=True).strip()
        if confirm != approval.confirm:
            raise CommandError(f"{confirm!r} was typed, not {approval.confirm!r}: nothing was approved")
    if confirm is None:
        raise UsageError(f"this reaches many users: say `overwatch-tui approve {id_} --confirm {approval.confirm}`")
    if confirm != approval.confirm:
        raise UsageError(f"--confirm is {confirm!r}: say --confirm {approval.confirm} to approve what reaches many users")
    return confirm


def _waits(incident: Incident) -> bool:
    approval = incident.approval
    return incident.status == "awaiting" and approval is not None and approval.approved is None and incident.strategy is not None


def _confirm(approval: Approval) -> str:
    return f" --confirm {approval.confirm}" if approval.confirm else ""


def _undo(incident: Incident) -> str:
    plan = incident.strategy
    back = [action.inverse.describe() for action in reversed(plan.actions) if action.inverse] if plan is not None else []
    return " then ".join(back) or "nothing to undo"


def _row(incident: Incident) -> dict[str, Any]:
    from overwatch_tui.describe import calls

    approval, plan = incident.approval, incident.strategy
    if approval is None or plan is None:
        return {}
    return {
        "id": approval.id,
        "incident": incident.id,
        "target": incident.target,
        "plan": calls(plan),
        "undo": _undo(incident),
        "confidence": {**plan.confidence.model_dump(mode="json"), "value": plan.confidence.value},
        "blast_radius": plan.blast_radius,
        "edited_by": plan.edited_by,
        "reasons": approval.reasons,
        "binding": approval.binding,
        "requested_at": approval.requested_at.isoformat(),
        "deadline": approval.deadline.isoformat(),
        "needs": approval.needs,
        "given": [{"by": person, "at": at.isoformat()} for person, at in zip(approval.given, approval.given_at, strict=False)],
        "approvers": approval.approvers,
        "confirm": approval.confirm,
    }
