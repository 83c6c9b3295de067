"""The edges moved by the real Azure CLI against the local Azure.

Opt in with OVERWATCH_AZ=1; the first run installs the CLI into a cache of its own.
"""

from __future__ import annotations

import os

import pytest
from az_support import Az, cached_az

from overwatch_mcp.azure_platform import AzurePlatform
from overwatch_mcp.clock import SystemClock
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import ConflictError, DeniedError, LostError, MissingError, NotDoneError

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.environ.get("OVERWATCH_AZ") != "1",
        reason="the real Azure CLI is slow and has to be downloaded: set OVERWATCH_AZ=1",
    ),
]


@pytest.fixture(scope="module")
def az(local_azure, tmp_path_factory) -> Az:
    """A user of the CLI who is logged in."""
    user = Az(cached_az(), tmp_path_factory.mktemp("az"), local_azure.facts).know_cloud()
    assert user.log_in(local_azure.facts["client_secret"]).returncode == 0
    return user


@pytest.fixture
async def by_cli(local_azure, az, tmp_path, monkeypatch):
    """Makes platforms whose edge is moved by the CLI."""
    for name, value in {**local_azure.identity, "AZURE_CONFIG_DIR": str(az.folder)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_CORE_INSTANCE_DISCOVERY", "false")
    made = []

    def make(kind: str, **changes) -> AzurePlatform:
        traffic = {"kind": kind, **local_azure.facts[kind], "via": "cli", "az": str(az.program), "az_timeout_s": 120} | changes
        traffic.pop("endpoint", None)
        target = local_azure.config(tmp_path / "operations.db")["targets"]["demo"] | {"traffic": traffic}
        made.append(AzurePlatform("demo", AzureTarget.model_validate(target), SystemClock()))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.mark.parametrize("kind", ["front_door", "traffic_manager"])
async def test_the_real_cli_moves_the_users_and_back(by_cli, kind):
    edge = by_cli(kind)
    await edge.set_origin("west", 100)
    await edge.set_origin("east", 0)
    assert (await edge.traffic()).weights == {"east": 0, "west": 100}
    with pytest.raises(NotDoneError, match="'west' is the only region"):
        await edge.set_origin("west", 0)
    await edge.set_origin("east", 100)
    await edge.set_origin("west", 0)
    assert (await edge.traffic()).weights == {"east": 100, "west": 0}


FAULTS = [
    ("front_door", "PATCH", "/origins/west", "conflict", ConflictError),
    ("front_door", "PATCH", "/origins/west", "error", LostError),
    ("front_door", "PATCH", "/origins/west", "lose_after", LostError),
    ("traffic_manager", "PUT", "/externalEndpoints/west", "conflict", ConflictError),
    ("traffic_manager", "PUT", "/externalEndpoints/west", "error", LostError),
]


@pytest.mark.parametrize(("kind", "method", "path", "fault", "error"), FAULTS)
async def test_what_the_real_cli_says_of_a_fault_is_understood(by_cli, local_azure, kind, method, path, fault, error):
    local_azure._control("POST", "arm-faults", {"method": method, "path": path, "kind": fault, "times": 9})
    try:
        with pytest.raises(error) as caught:
            await by_cli(kind).set_origin("west", 50)
    finally:
        local_azure._control("DELETE", "arm-faults")
    assert type(caught.value) is error


async def test_what_is_not_there_is_missing_in_the_words_of_the_real_cli(by_cli):
    for kind in ("front_door", "traffic_manager"):
        with pytest.raises(MissingError):
            await by_cli(kind, profile="nothing").traffic()


async def test_the_real_cli_without_a_login_is_denied_with_the_remedy(by_cli, tmp_path, monkeypatch):
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "nobody"))
    with pytest.raises(DeniedError, match="run `az login`"):
        await by_cli("front_door").traffic()
