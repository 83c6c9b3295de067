"""Makes docs/control-room.svg: the control room over the demo, East broken, at the moment when a person is asked."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from agents.settings import Settings  # noqa: E402 - the project's folder comes first
from overwatch_tui.chaos import ChaosFault  # noqa: E402
from overwatch_tui.screen import log_to_file, room  # noqa: E402
from overwatch_tui.wiring import LocalSwarm  # noqa: E402

SIZE = (120, 40)
LOOKS = 20
SECONDS = 90


async def picture(home: Path) -> str:
    """The SVG, taken from the running program."""
    settings = Settings(_env_file=None)
    app = room(lambda: LocalSwarm(settings, home), settings, read_only=False)

    async with app.run_test(size=SIZE) as pilot:

        async def until(holds: Callable[[], object], what: str) -> None:
            async with asyncio.timeout(SECONDS):
                while not holds():
                    await pilot.pause(0.1)
            print(what, file=sys.stderr)

        def regions() -> list[int]:
            return [len(region.p95) for target in app.state.targets for region in target.regions]

        await until(lambda: len(regions()) == 2 and min(regions()) >= LOOKS, "both regions are watched")
        await asyncio.wrap_future(app.host.handle.chaos("demo", "east", ChaosFault("outage")))
        await until(lambda: app.state.approvals, "a person is asked")
        await pilot.pause(1)
        return app.export_screenshot(title="overwatch-tui launch")


def main() -> None:
    """Write the picture where README.md looks for it."""
    with tempfile.TemporaryDirectory() as home:
        log_to_file(Path(home) / "overwatch.log")
        svg = asyncio.run(picture(Path(home)))
    path = ROOT / "docs" / "control-room.svg"
    path.write_text(svg, encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
