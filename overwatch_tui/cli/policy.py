"""`policy explain`, `policy test` and `policy show`: why the gate decided so, and what it would decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, JsonOption, UsageError, echo_json, settings_of, with_store

if TYPE_CHECKING:
    from agents.durable.store import Store
    from agents.events import Event
    from agents.facts import ActionKind, Finding
    from agents.orchestrator.cases import CaseResult
    from agents.orchestrator.explain import Explained
    from agents.orchestrator.policy import Decision

app = typer.Typer(help="Ask the gate why, and what if.", no_args_is_help=True, rich_markup_mode=None)

REPLAYED = {
    "same": "made again from the log: the same decision",
    "different": "made again from the log: ANOTHER decision",
    "impossible": "can't be made again",
    "none": "not the gate's: nothing to make again",
}


@app.command("explain", epilog="Example: overwatch-tui policy explain INC-7 --now-policy")
def explain(
    id_: Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident, such as INC-7.")],
    now_policy: Annotated[bool, typer.Option("--now-policy", help="Also say what today's configuration would decide.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make each decision of an incident again from the log, and print what every rule said.

    The exit status is 1 where a decision comes out otherwise than it was recorded, or can't be made again.
    """
    from agents.catalogue import load_catalogue
    from agents.orchestrator.explain import explain as explained

    policy = settings_of(config).policy if now_policy else None

    async def work(store: Store) -> list[Event]:
        if await store.incident(id_) is None:
            known = ", ".join(i.id for i in await store.incidents(limit=5)) or "none"
            raise CommandError(f"{id_!r} is not an incident here; the newest: {known}")
        return await store.events_of(id_)

    decisions = list(explained(with_store(work), load_catalogue(), policy))
    if as_json:
        echo_json({"incident": id_, "decisions": [_as_json(one) for one in decisions]})
    else:
        _tell(id_, decisions)
    if any(one.replayed in {"different", "impossible"} for one in decisions):
        raise typer.Exit(1)


def _tell(id_: str, decisions: list[Explained]) -> None:
    if not decisions:
        typer.echo(f"{id_}: nothing was decided yet")
    for one in decisions:
        verdict = one.basis.verdict if one.basis is not None else one.event.type
        typer.echo(f"{one.event.time:%Y-%m-%d %H:%M:%S}Z  {verdict}  {one.plan}  ({one.event.type}, by {one.by})")
        if one.basis is None:
            for reason in one.reasons:
                typer.echo(f"  {reason}")
        else:
            _tell_findings(one.basis.findings)
        typer.echo(f"  → {REPLAYED[one.replayed]}{f': {one.problem}' if one.problem else ''}")
        if one.replayed == "different" and one.again is not None:
            typer.echo(f"  → it came to {one.again.verdict}:")
            _tell_findings(one.again.findings)
        if one.now is not None:
            typer.echo(f"  → today's configuration would come to {one.now.verdict}:")
            _tell_findings(one.now.findings)


def _tell_findings(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        typer.echo(f"  {finding.effect:<5}  {finding.rule:<20}  {finding.text}")


def _as_json(one: Explained) -> dict[str, Any]:
    return {
        "time": one.event.time,
        "event": one.event.type,
        "by": one.by,
        "plan": one.plan,
        "verdict": one.basis.verdict if one.basis is not None else None,
        "reasons": one.reasons,
        "findings": [f.model_dump() for f in one.basis.findings] if one.basis is not None else [],
        "replay": one.replayed,
        "problem": one.problem,
        "again": _decision(one.again),
        "now": _decision(one.now),
    }


def _decision(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "verdict": decision.verdict,
        "needs": decision.needs,
        "approvers": decision.approvers,
        "confirm": decision.confirm,
        "findings": [finding.model_dump() for finding in decision.findings],
    }


@app.command("test", epilog="Example: overwatch-tui policy test cases.toml --config overwatch.toml")
def run_cases(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The cases, as TOML: see docs/policy.md.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run your own cases against the configured policy: what would be approved, asked, refused, paged or held back.

    The exit status is 1 where a case comes out otherwise than it expects, and 2 where the file can't be used.
    """
    from agents.catalogue import load_catalogue
    from agents.orchestrator.cases import CaseError, read_cases, run_case

    settings = settings_of(config)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"can't read the cases {str(file)!r}: {why}") from error
    catalogue = load_catalogue()
    try:
        results = [run_case(case, settings.policy, settings.targets, catalogue) for case in read_cases(text)]
    except CaseError as error:
        raise UsageError(f"{str(file)!r}: {error}") from error
    if as_json:
        echo_json([_result(result) for result in results])
    else:
        for result in results:
            typer.echo(f"{'FAIL' if result.wrong else 'pass'}  {result.case.name}: {result.decision.verdict}")
            for wrong in result.wrong:
                typer.echo(f"      {wrong}")
            if result.wrong:
                _tell_findings(result.decision.findings)
    failed = sum(1 for result in results if result.wrong)
    if not as_json:
        typer.echo(f"{len(results) - failed} of {len(results)} cases as expected")
    if failed:
        raise typer.Exit(1)


def _result(result: CaseResult) -> dict[str, Any]:
    return {
        "name": result.case.name,
        "passed": not result.wrong,
        "wrong": result.wrong,
        "expect": result.case.expect,
        **(_decision(result.decision) or {}),
    }


@app.command("show", epilog="Example: overwatch-tui policy show --config overwatch.toml --json")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what holds for each target and action now: how far the swarm may go, who has to approve, and which window holds."""
    from agents.clock import SystemClock
    from agents.orchestrator.effective import effective
    from agents.settings import DEMO

    settings = settings_of(config)
    targets: dict[str, frozenset[ActionKind] | None] = {n: t.actions() for n, t in settings.targets.items()}
    if settings.with_demo:
        targets[DEMO] = None
    shown = effective(settings.policy, targets, SystemClock().now())
    if as_json:
        echo_json([one.as_json() for one in shown])
        return
    for one in shown:
        typer.echo(f"{one.target}{': protected, never touched' if one.protected else ''}")
        for window in one.windows:
            typer.echo(f"  {window}")
        if not one.actions:
            typer.echo("  no action is allowed: it is watched and diagnosed")
        for action in one.actions:
            typer.echo(f"  {action.kind:<18} {action.level:<8} {action.who}".rstrip())
