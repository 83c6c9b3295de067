"""Takes secrets out of text from outside: a log line or an error may hold a password, and everybody on call would read it.

What looks like a credential by its own shape, and what is named one by what stands before it. Hashes, revisions and images stay:
they are what a diagnosis speaks of. Pure.
"""

from __future__ import annotations

import re

HIDDEN = "[secret]"

_SHAPES = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)"
    r"|(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*"  # JSON web tokens
    r"|(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # AWS access keys
    r"|(?<![\w-])(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|npm_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{20,})"
    r"|(?<![\w-])(?:xox[abeprs]-[A-Za-z0-9-]{10,}|sk-[\w-]{20,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|AIza[\w-]{30,})"
    r"|(?<=hooks\.slack\.com/services/)[\w/]+",
    re.DOTALL,
)
_SAID = re.compile(r"\b((?:[Bb]earer|BEARER|[Bb]asic|BASIC) +)(?=\S*(?:[0-9=]|[a-z][A-Z]))[\w.~+/=-]{6,}")
_AUTHORIZATION = re.compile(r"(\bauthorization[\"']? *[:=] *[\"']?)(?:[A-Za-z]+ +)?[^\s\"',;]{4,}", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(?<![\w+.-])([A-Za-z][A-Za-z0-9+.-]{1,20}://)(?:([^\s/?#:@]*:)[^\s/?#]+|[^\s/?#:@]{20,})@")
_NAMED = re.compile(
    r"(?P<name>(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|accesskey|"
    r"private[_-]?key|signing[_-]?key|credential|[?&]sig)[\w.-]{0,24})"
    r"(?P<sign>[\"'] *[:=] *| *= *|: +|:(?=[\"'])|(?<=password):|(?<=passwd):)(?P<open>[\"']?)"
    r"(?P<value>(?<=\")[^\"]+|(?<=')[^']+|[^\s\"',;&})\]]+)",
    re.IGNORECASE,
)
_FLAG = re.compile(
    r"(?<![\w-])(--?(?:[a-z]{1,20}-){0,3}(?:password|passwd|passphrase|token|secret|api-key|access-key|client-secret) +[\"']?)"
    r"(?![-$<\"'])(?=[^\s\"']*[^a-z\s\"'.,;:])[^\s\"']{4,}"
)
_COOKIE = re.compile(r"\b((?:set-)?cookie[\"']? *[:=] *[\"']?[\w.-]{1,64}=)(?!\[secret)[^\s\"',;]+", re.IGNORECASE)
_REVISION = re.compile(r"[\w.]*--[a-z0-9][\w.-]*", re.IGNORECASE)
_SERVICE = re.compile(
    r"\w+-(?:api|app|broker|controller|gateway|issuer|manager|operator|provider|proxy|server|service|store|worker)", re.IGNORECASE
)
_REFERENCE = re.compile(r"\$(?:[A-Z_][A-Z0-9_]*|\{[A-Z_][A-Z0-9_]*\}?)|<[a-z][a-z _-]*>?")
_NO_SECRET = re.compile(r"(?:\d{1,9}(?:\.\d+)?(?:ms|s|%)?|true|false|null|none)", re.IGNORECASE)


def redact(text: str) -> str:
    """`text` with each secret that can be told as one replaced by `[secret]`. Doing it again changes nothing."""
    found = _SHAPES.sub(HIDDEN, text)
    found = _IN_ADDRESS.sub(lambda m: f"{m[1]}{m[2] or ''}{HIDDEN}@", found)
    found = _AUTHORIZATION.sub(rf"\1{HIDDEN}", found)
    found = _SAID.sub(rf"\1{HIDDEN}", found)
    found = _FLAG.sub(rf"\1{HIDDEN}", found)
    found = _COOKIE.sub(rf"\1{HIDDEN}", found)
    return _NAMED.sub(_without_value, found)


def _without_value(match: re.Match[str]) -> str:
    """What is named like a secret and is none.

    A count of tokens is no token, a password of digits is one; a quoted path that ends in `/token` names a file; a revision
    (`app--suffix`) has a weight, a service that hands out secrets a state; and `$PASSWORD` in a command only says where one is.
    """
    path = match["sign"][0] in "\"'" and match.string[: match.start()].endswith("/")
    counted = "token" in match["name"].lower() and _NO_SECRET.fullmatch(match["value"])
    weight = _REVISION.search(match["name"]) and match["value"].isdigit() and len(match["value"]) <= 3
    state = _SERVICE.fullmatch(match["name"]) and match["sign"].startswith(":") and match["value"].isalpha()
    if counted or path or weight or state or _REFERENCE.fullmatch(match["value"]) or match["value"].startswith(HIDDEN[:-1]):
        return match[0]
    return f"{match['name']}{match['sign']}{match['open']}{HIDDEN}"
