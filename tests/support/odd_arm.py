"""A Resource Manager that misbehaves on request, and the real SDK clients in front of it.

A pytest plugin without assertions of its own, also imported by the tests that use it: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import time
from collections import Counter

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from overwatch_mcp.azure_platform import AzurePlatform
from overwatch_mcp.clock import SystemClock
from overwatch_mcp.config import AzureTarget

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch-demo/providers"
APP = f"{GROUP}/Microsoft.App/containerApps/demo-east"
ORIGINS = f"{GROUP}/Microsoft.Cdn/profiles/demo-fd/originGroups/demo/origins"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, as one PEM file with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + private)
    return path


class OddArm:
    """Answers what the test put into `answers[method]`; counts what arrived."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.arrived: Counter[str] = Counter()
        self.paths: Counter[str] = Counter()
        self.connections: set[object] = set()
        self.bodies: list[dict] = []
        self.queries: list[dict] = []
        self.logins: list[dict] = []
        self.url = ""
        self.identity = 200

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/msi/token":
            self.arrived["token"] += 1
            self.logins.append(dict(request.query))
            if self.identity != 200:
                return web.json_response({"error": "no such identity"}, status=self.identity)
            body = {"access_token": "t", "expires_on": str(int(time.time()) + 3600), "resource": "r", "token_type": "Bearer"}
            return web.json_response(body)
        if request.path.endswith("/oauth2/v2.0/token"):
            self.logins.append({"path": request.path, **await request.post()})
            if self.identity != 200:
                body = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
                return web.json_response(body, status=self.identity)
            return web.json_response({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})
        self.arrived[request.method] += 1
        self.paths[request.path] += 1
        self.queries.append(dict(request.query))
        self.connections.add(request.transport)
        if request.can_read_body:
            self.bodies.append(await request.json())
        answer = self.answers.get(f"{request.method} {request.path}", self.answers.get(request.method, 404))
        if callable(answer):
            return await answer(request)
        if isinstance(answer, int):
            error = {"error": {"code": "OddCode", "message": "odd\nmessage"}}
            return web.json_response(error, status=answer, headers={"Retry-After": "7"} if answer in {429, 503} else None)
        return web.json_response(answer)


@pytest.fixture
async def arm(certificate, monkeypatch):
    odd = OddArm()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", odd.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    try:
        secure, plain = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls), web.TCPSite(runner, "127.0.0.1", 0)
        await secure.start()
        await plain.start()
        ports = [site._server.sockets[0].getsockname()[1] for site in (secure, plain)]
        odd.url = f"https://127.0.0.1:{ports[0]}"
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{ports[1]}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "h")
        yield odd
    finally:
        await runner.cleanup()


@pytest.fixture
async def made(arm, config, certificate):
    """Makes platforms in front of the odd one, each with a configuration and a clock of its own."""
    platforms: list[AzurePlatform] = []

    def make(clock=None, **changes) -> AzurePlatform:
        raw = config["targets"]["demo"] | {"arm_url": arm.url, "ca_file": str(certificate)} | changes
        platforms.append(AzurePlatform("demo", AzureTarget.model_validate(raw), clock or SystemClock()))
        return platforms[-1]

    yield make
    for platform in platforms:
        await platform.close()


@pytest.fixture
async def platform(made):
    return made()


async def cut(request: web.Request) -> web.StreamResponse:
    """The request has arrived, and the connection breaks before an answer."""
    request.transport.abort()
    return web.Response()


def reply(body: object = None, status: int = 200, **headers: str):
    """An answer with its headers, whose names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=named)

    return answer


def in_turn(*answers):
    """The first answer for the first request, and so on; the last one for all that follow."""
    left = list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer
