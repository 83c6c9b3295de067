"""What an examination found, for people and for scripts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one examination found. `remedy` is empty where all is well."""

    what: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""

    def line(self) -> str:
        """One line (two with a remedy) for people."""
        first = f"{MARKS[self.state]}  {self.what:<22} {self.detail}"
        return first if not self.remedy else f"{first}\n      {'':<22} → {self.remedy}"

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return asdict(self)
