"""The command line of the HTTP transport, and what of it does not go together."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from overwatch_mcp.bearer_keys import is_safe
from overwatch_mcp.bearer_scopes import Scopes
from overwatch_mcp.errors import ConfigError
from overwatch_mcp.http_limits import HttpLimits
from overwatch_mcp.loopback import is_loopback

DEFAULT_PORT = 8700
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:(\d{1,5}|\*))?")
_ORIGIN = re.compile(rf"https?://{_HOST.pattern}")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues the tokens, and what they have to be issued for. `resource_url` is this server's own address outside."""

    url: str
    resource_url: str
    audience: str


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How the HTTP transport is to be served. A port of 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    issuer: Issuer | None = None
    scopes: Scopes = field(default_factory=Scopes)
    certificate: Path | None = None
    key: Path | None = None
    limits: HttpLimits = field(default_factory=HttpLimits)


def add_http_options(parser: argparse.ArgumentParser) -> None:
    """Everything that `--transport http` takes."""
    group = parser.add_argument_group("streamable HTTP", "with --transport http")
    group.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    group.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
    group.add_argument("--token-file", type=Path, help="the bearer token, mode 0600; made if missing (else OVERWATCH_MCP_TOKEN)")
    group.add_argument("--allow-host", action="append", default=[], metavar="HOST[:PORT]", help="a Host header to accept")
    group.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN", help="an Origin header to accept")
    group.add_argument("--tls-certificate", type=Path, metavar="FILE", help="serve TLS with this certificate chain (PEM)")
    group.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's private key (PEM)")
    group.add_argument("--issuer", metavar="URL", help="accept the tokens of this OAuth issuer, and no other token")
    group.add_argument("--resource-url", metavar="URL", help="with --issuer: this server's own address, such as https://x/mcp")
    group.add_argument("--audience", help="with --issuer: the audience of its tokens (default: the resource URL)")
    group.add_argument("--read-scope", default=Scopes().read, help="with --issuer: may look (default: %(default)s)")
    group.add_argument("--write-scope", default=Scopes().write, help="with --issuer: may act as well (default: %(default)s)")
    limits = HttpLimits()
    group.add_argument(
        "--requests-per-second", type=float, default=limits.per_second, metavar="N", help="for each token (default: %(default)s)"
    )
    group.add_argument("--max-requests", type=int, default=limits.requests, metavar="N", help="at once (default: %(default)s)")


def http_options(given: argparse.Namespace) -> HttpOptions:
    """The options, checked. Raises ConfigError with the option and the remedy."""
    for host in given.allow_host:
        _check(_HOST, host, "--allow-host", "HOST or HOST:PORT, such as tools.example.org:8700")
    for origin in given.allow_origin:
        _check(_ORIGIN, origin, "--allow-origin", "SCHEME://HOST[:PORT], such as http://localhost:6274")
    if not 0 <= given.port <= 65535:
        raise ConfigError(f"--port {given.port!r} is no port: take 1 to 65535, or 0 for a free one")
    if not is_loopback(given.host) and not given.allow_host:
        raise ConfigError(
            f"--host {given.host!r} is reached from outside: name the hosts that clients use with --allow-host HOST:PORT"
        )
    if (given.tls_certificate is None) != (given.tls_key is None):
        raise ConfigError("--tls-certificate and --tls-key go together: give both or none")
    if not 0 < given.requests_per_second < math.inf or given.max_requests < 1:
        raise ConfigError("--requests-per-second and --max-requests have to be finite and above 0")
    return HttpOptions(
        host=given.host,
        port=given.port,
        token_file=given.token_file,
        allowed_hosts=tuple(given.allow_host),
        allowed_origins=tuple(given.allow_origin),
        issuer=_issuer(given),
        scopes=Scopes(given.read_scope, given.write_scope),
        certificate=given.tls_certificate,
        key=given.tls_key,
        limits=HttpLimits(
            requests=given.max_requests,
            per_second=given.requests_per_second,
            burst=max(1, round(2 * given.requests_per_second)),
        ),
    )


def _issuer(given: argparse.Namespace) -> Issuer | None:
    if given.issuer is None:
        if given.resource_url is not None or given.audience is not None:
            raise ConfigError("--resource-url and --audience belong to --issuer: name the issuer, or leave them out")
        return None
    if given.resource_url is None:
        raise ConfigError("--issuer needs --resource-url: the address of this server that its tokens are issued for")
    if given.token_file is not None:
        raise ConfigError("--issuer and --token-file exclude each other: either the issuer's tokens are accepted or the file's")
    if given.read_scope == given.write_scope:
        raise ConfigError(f"--read-scope and --write-scope are both {given.read_scope!r}: give them different names")
    for option, url in (("--issuer", given.issuer), ("--resource-url", given.resource_url)):
        if not is_safe(url):
            raise ConfigError(f"{option} {url!r} is no https URL, and not on loopback either: take its https address")
    return Issuer(given.issuer, given.resource_url, given.audience or given.resource_url)


def _check(shape: re.Pattern[str], value: str, option: str, wanted: str) -> None:
    if not shape.fullmatch(value):
        raise ConfigError(f"{option} {value!r} has another form than {wanted}")
