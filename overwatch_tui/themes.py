"""Four themes, and the style of each tone. A state never rests on colour alone: glyph and word come with it."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

from overwatch_tui.state.models import Tone

NAMES: tuple[str, ...] = ("dark", "light", "colour-blind", "terminal")
"""What a person can choose; `PREFIX` keeps them apart from Textual's own."""

PREFIX = "overwatch-"

TONES: Mapping[Tone, str] = {
    "plain": "",
    "muted": "$ow-muted",
    "strong": "bold",
    "accent": "$accent",
    "ok": "$success",
    "warn": "bold $warning",
    "fail": "bold $error",
    "unknown": "$ow-muted",
    "alarm": "bold $ow-on-alarm on $error",
    "notice": "bold $ow-on-alarm on $warning",
}

DEFAULTS: Mapping[str, str] = {
    "ow-muted": "#8b98a9",
    "ow-line": "#2b3542",
    "ow-cursor": "#1f2c3a",
    "ow-on-alarm": "#0f141a",
}


class UnknownThemeError(ValueError):
    """There is no theme of that name."""


def theme_name(name: str) -> str:
    """The registered name of one of `NAMES`. Raises UnknownThemeError."""
    if name not in NAMES:
        raise UnknownThemeError(f"{name!r} is no theme: choose one of {', '.join(NAMES)}")
    return PREFIX + name


def themes() -> tuple[Theme, ...]:
    """The themes to register."""
    return (_dark(), _light(), _colour_blind(), _terminal())


def _dark() -> Theme:
    return Theme(
        name=PREFIX + "dark",
        primary="#5ccfe6",
        secondary="#3d8fa3",
        accent="#5ccfe6",
        success="#87d96c",
        warning="#ffcc66",
        error="#ff6b6b",
        foreground="#d5dce6",
        background="#0f141a",
        surface="#141b23",
        panel="#19222c",
        boost="#1f2a36",
        dark=True,
        variables=_variables(muted="#8595a8", line="#2c3947", cursor="#1d3442", on_alarm="#14090a"),
    )


def _light() -> Theme:
    return Theme(
        name=PREFIX + "light",
        primary="#0b6e86",
        secondary="#3d8fa3",
        accent="#0b6e86",
        success="#2c7a1f",
        warning="#8f5b00",
        error="#c0202b",
        foreground="#1e2730",
        background="#fbfaf6",
        surface="#f4f2ec",
        panel="#ebe8df",
        boost="#e2ded3",
        dark=False,
        variables=_variables(muted="#5d6874", line="#cfcabd", cursor="#dcebef", on_alarm="#ffffff"),
    )


def _colour_blind() -> Theme:
    """Blue for well, yellow for watch out, vermilion for broken: the palette of Okabe and Ito."""
    return Theme(
        name=PREFIX + "colour-blind",
        primary="#cc9fc0",
        secondary="#cc79a7",
        accent="#cc9fc0",
        success="#56b4e9",
        warning="#f0e442",
        error="#ff8a3d",
        foreground="#e3e6ea",
        background="#101318",
        surface="#161a20",
        panel="#1c2129",
        boost="#242a33",
        dark=True,
        variables=_variables(muted="#97a1ae", line="#333c48", cursor="#33293a", on_alarm="#1a0d00"),
    )


def _terminal() -> Theme:
    return Theme(
        name=PREFIX + "terminal",
        ansi=True,
        primary="ansi_cyan",
        secondary="ansi_blue",
        accent="ansi_cyan",
        success="ansi_green",
        warning="ansi_yellow",
        error="ansi_red",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        variables={
            **_variables(muted="ansi_bright_black", line="ansi_bright_black", cursor="ansi_bright_black", on_alarm="ansi_black"),
            "ow-cursor-text": "ansi_bright_white",
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "block-cursor-foreground": "ansi_black",
            "block-cursor-background": "ansi_white",
            "input-cursor-background": "ansi_white",
            "input-cursor-foreground": "ansi_black",
            "input-selection-background": "ansi_bright_blue",
            "input-selection-foreground": "ansi_black",
            "screen-selection-background": "ansi_bright_blue",
            "screen-selection-foreground": "ansi_black",
        },
    )


def _variables(*, muted: str, line: str, cursor: str, on_alarm: str) -> dict[str, str]:
    return {
        "ow-muted": muted,
        "ow-line": line,
        "ow-cursor": cursor,
        "ow-on-alarm": on_alarm,
        "scrollbar": line,
        "scrollbar-hover": muted,
        "scrollbar-active": muted,
        "scrollbar-background": "ansi_default" if line.startswith("ansi") else "transparent",
        "scrollbar-background-hover": "ansi_default" if line.startswith("ansi") else "transparent",
        "scrollbar-background-active": "ansi_default" if line.startswith("ansi") else "transparent",
        "scrollbar-corner-color": "ansi_default" if line.startswith("ansi") else "transparent",
    }
