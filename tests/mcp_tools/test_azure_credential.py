"""Each way to log in to Azure, from what the environment says, against a login of our own."""

from __future__ import annotations

import datetime as dt

import pytest
from azure.identity.aio import (
    AzureCliCredential,
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from overwatch_mcp.azure_credential import make_credential
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import DeniedError, NotDoneError

pytest_plugins = ("odd_arm",)

TENANT = "11111111-1111-1111-1111-111111111111"
PRINCIPAL = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": "app", "AZURE_CLIENT_SECRET": "s3cret"}


@pytest.fixture
def target(config, certificate):
    def make(kind: str, **changes) -> AzureTarget:
        return AzureTarget.model_validate(config["targets"]["demo"] | {"credential": kind, "ca_file": str(certificate)} | changes)

    return make


@pytest.fixture
async def credential(target):
    """Makes credentials, and closes them."""
    made = []

    def make(kind: str, environment: dict[str, str], **changes):
        made.append(make_credential(target(kind, **changes), environment))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_each_kind_is_the_one_that_was_asked_for(credential, certificate, tmp_path):
    token_file = tmp_path / "token"
    workload = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": "app", "AZURE_FEDERATED_TOKEN_FILE": str(token_file)}
    assert type(credential("managed_identity", {})) is ManagedIdentityCredential
    assert type(credential("cli", {})) is AzureCliCredential
    assert type(credential("default", {})) is DefaultAzureCredential
    assert type(credential("workload_identity", workload)) is WorkloadIdentityCredential
    assert type(credential("service_principal", PRINCIPAL)) is ClientSecretCredential
    with_certificate = PRINCIPAL | {"AZURE_CLIENT_CERTIFICATE_PATH": str(make_rsa(tmp_path))}
    assert type(credential("service_principal", with_certificate)) is CertificateCredential


def make_rsa(folder):
    """A certificate as Entra takes them, with its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "app.pem"
    path.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


MISSING = [
    ("workload_identity", {}, "AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE in"),
    ("workload_identity", {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": "app"}, "needs AZURE_FEDERATED_TOKEN_FILE in"),
    ("service_principal", {}, "needs AZURE_TENANT_ID, AZURE_CLIENT_ID in"),
    (
        "service_principal",
        PRINCIPAL | {"AZURE_CLIENT_SECRET": ""},
        r"needs AZURE_CLIENT_SECRET \(or AZURE_CLIENT_CERT",
    ),
    ("service_principal", PRINCIPAL | {"AZURE_TENANT_ID": "no tenant!"}, "can't be made from the environment"),
    ("service_principal", PRINCIPAL | {"AZURE_CLIENT_CERTIFICATE_PATH": "/none.pem"}, r"can't be made.*none\.pem"),
    ("service_principal", PRINCIPAL | {"AZURE_AUTHORITY_HOST": "http://plain.example"}, "can't be made.*https"),
]


@pytest.mark.parametrize(("kind", "environment", "words"), MISSING)
async def test_what_is_missing_or_wrong_is_named(target, kind, environment, words):
    with pytest.raises(DeniedError, match=words) as caught:
        make_credential(target(kind, ca_file=None), environment)
    assert "s3cret" not in str(caught.value)


@pytest.fixture
def environment(arm, monkeypatch, tmp_path):
    for name in ("AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)

    def set_to(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    set_to(AZURE_AUTHORITY_HOST=arm.url, AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID="app")
    return set_to


async def test_the_identity_that_is_meant_is_named_where_there_are_several(arm, made, monkeypatch):
    arm.answers["POST"] = {}
    monkeypatch.setenv("AZURE_CLIENT_ID", "22222222")
    await made(credential="managed_identity").restart("east", "demo-east--a")
    monkeypatch.delenv("AZURE_CLIENT_ID")
    await made(credential="managed_identity").restart("east", "demo-east--a")
    assert [login.get("client_id") for login in arm.logins] == ["22222222", None]


async def test_a_service_principal_logs_in_where_the_environment_says_and_trusts_the_targets_certificate(arm, made, environment):
    environment(AZURE_CLIENT_SECRET="s3cret")
    arm.answers["POST"] = {}
    await made(credential="service_principal").restart("east", "demo-east--a")
    (login,) = arm.logins
    assert login["path"] == f"/{TENANT}/oauth2/v2.0/token"
    assert (login["client_id"], login["client_secret"], login["scope"]) == ("app", "s3cret", f"{arm.url}/.default")


async def test_a_workload_shows_the_token_that_it_was_given(arm, made, environment, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text("projected", encoding="utf-8")
    environment(AZURE_FEDERATED_TOKEN_FILE=str(token_file))
    arm.answers["POST"] = {}
    await made(credential="workload_identity").restart("east", "demo-east--a")
    assert arm.logins[0]["client_assertion"] == "projected"


async def test_a_login_that_is_refused_is_denied_before_anything_is_sent_and_no_secret_is_told(arm, made, environment, caplog):
    environment(AZURE_CLIENT_SECRET="s3cret")
    arm.identity = 401
    with pytest.raises(DeniedError, match="`credential`") as caught:
        await made(credential="service_principal").restart("east", "demo-east--a")
    assert not arm.arrived
    assert "s3cret" not in f"{caught.value}{caplog.text}"
    assert "AADSTS7000215" in str(caught.value)
    assert "Content" not in str(caught.value)


async def test_a_login_of_ones_own_is_not_trusted_without_its_certificate(arm, made, environment):
    environment(AZURE_CLIENT_SECRET="s3cret")
    with pytest.raises(NotDoneError, match="CERTIFICATE_VERIFY_FAILED"):
        await made(credential="service_principal", ca_file=None).restart("east", "demo-east--a")
    assert not arm.logins
