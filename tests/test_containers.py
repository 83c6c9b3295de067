"""What is built into images and composed: consistent, without secrets, and with nothing published but on loopback."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCKER = ROOT / "infra" / "docker"
COMPOSE = (ROOT / "docker-compose.yml").read_text()
MADE_ONCE = {"keys", "database-key"}


def services() -> dict[str, str]:
    """The text of each service of the composition."""
    body = COMPOSE.partition("\nservices:\n")[2].partition("\nnetworks:\n")[0]
    parts = re.split(r"^  ([a-z-]+):\n", body, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def pins(path: Path) -> set[str]:
    return {" ".join(block.split()) for block in re.split(r"\n(?=\S)", path.read_text().strip())}


@pytest.mark.parametrize("lock", ["overwatch.txt", "demo.txt"])
def test_images_install_what_is_locked_for_the_project_and_nothing_else(lock):
    assert pins(DOCKER / lock) <= pins(ROOT / "requirements.txt")


@pytest.mark.parametrize("lock", ["overwatch.txt", "demo.txt", "build.txt"])
def test_everything_in_an_image_has_a_hash_and_no_index(lock):
    text = (DOCKER / lock).read_text()
    assert not re.search(r"https?://|--(extra-)?index", text)
    assert all("--hash=sha256:" in pin and "==" in pin for pin in pins(DOCKER / lock))


def test_the_demo_image_holds_every_library_that_the_demo_imports():
    wanted = {name.replace("_", "-") for path in (ROOT / "mini_app" / "backend").glob("*.py") for name in imports(path)}
    installed = {re.split(r"[=\[; ]", pin)[0] for pin in pins(DOCKER / "demo.txt")}
    assert wanted - {"mini-app"} - {name.replace("_", "-") for name in sys.stdlib_module_names} <= installed


def imports(path: Path) -> list[str]:
    return re.findall(r"^(?:from|import) ([a-z_]+)", path.read_text(), flags=re.M)


@pytest.mark.parametrize("dockerfile", sorted(path.name for path in DOCKER.glob("*.Dockerfile")))
def test_every_image_runs_as_a_fixed_user_and_builds_with_the_classic_builder(dockerfile):
    text = (DOCKER / dockerfile).read_text()
    last = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, flags=re.M)
    assert not re.search(r"RUN --|<<|COPY --(?!from=)|(?i:token|password|secret)=", text)


def test_every_service_is_hardened():
    for name, text in services().items():
        direct = "read_only: true" in text and "cap_drop: [ALL]" in text and "no-new-privileges:true" in text
        assert direct or "<<: *hardened" in text or "<<: *replica" in text, name
    anchor = COMPOSE.partition("x-hardened")[2].partition("x-replica")[0]
    assert all(word in anchor for word in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "max-size"))
    assert "<<: *hardened" in COMPOSE.partition("x-replica")[2].partition("services:")[0]


def test_every_service_that_stays_is_bounded():
    replica = COMPOSE.partition("x-replica")[2].partition("services:")[0]
    for name, text in services().items():
        whole = text + (replica if "*replica" in text else "")
        assert "mem_limit" in whole or name in MADE_ONCE, name


def test_every_image_of_ours_is_built_by_each_service_that_runs_it():
    replica = COMPOSE.partition("x-replica")[2].partition("services:")[0]
    for name, text in services().items():
        whole = text + (replica if "*replica" in text else "")
        assert ("build: " in whole) == (name not in {"nats", "postgres"}), f"{name}: Compose would look for it in a registry"


def test_only_loopback_is_published_and_only_by_the_gateway():
    for name, text in services().items():
        assert ("ports:" in text) == (name == "gateway")
    published = re.findall(r'^ +- "(.*:\d+)"$', services()["gateway"], flags=re.M)
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_only_the_mcp_server_has_the_engines_socket():
    assert [name for name, text in services().items() if "docker.sock" in text or "DOCKER" in text] == ["mcp"]


def test_the_demo_and_the_mcp_server_share_no_network():
    mcp, demo = services()["mcp"], COMPOSE.partition("x-replica")[2].partition("services:")[0]
    assert re.search(r"networks: \[acting\]", mcp)
    assert re.search(r"networks: \[users\]", demo)
    assert re.search(r"^  acting: \{internal: true\}$", COMPOSE, flags=re.M)


def test_each_secret_lies_where_it_is_used_and_nowhere_else():
    replica = COMPOSE.partition("x-replica")[2].partition("services:")[0]
    holds = {
        name: set(re.findall(r'"(keys|chaos|database-key):', text + (replica if "*replica" in text else "")))
        for name, text in services().items()
    }
    assert {name: held for name, held in holds.items() if held} == {
        "keys": {"keys", "chaos"},
        "east": {"chaos"},
        "west": {"chaos"},
        "mcp": {"keys"},
        "swarm": {"keys", "chaos"},
        "postgres": {"database-key"},
        "database-key": {"database-key"},
    }
    assert "volumes: *" not in COMPOSE, "an alias hides what a service holds"


def test_no_secret_stands_in_a_file_of_the_repository():
    for path in (ROOT / "docker-compose.yml", *DOCKER.iterdir()):
        for line in path.read_text().splitlines():
            assert not re.search(
                r"(?i)(token|password|secret|key)['\"]?\s*[:=]\s*['\"]?(?!.*(/|\$|secrets\.|\{))[a-z0-9+/]{8,}", line
            ), line


def test_the_swarm_the_mcp_server_and_the_gateway_speak_of_the_same_things(monkeypatch, tmp_path):
    from agents.settings import load
    from overwatch_mcp.config import ServerConfig

    monkeypatch.chdir(tmp_path)
    watched = load(DOCKER / "overwatch.toml", environ={}).targets["shop"]
    acted_on = ServerConfig.model_validate(json.loads((DOCKER / "mcp.json").read_text())).targets["shop"]
    assert set(watched.regions) == set(acted_on.regions) == set(watched.platform.services)
    assert watched.platform.project == acted_on.project
    assert dict(watched.platform.services) == {name: region.service for name, region in acted_on.regions.items()}
    assert watched.platform.traffic.model_dump() == acted_on.traffic.model_dump()
    assert str(watched.public_url).rstrip("/") == acted_on.public_url
    assert (watched.platform.images, watched.platform.max_replicas) == (acted_on.images, acted_on.limits.max_replicas)
    gateway = (DOCKER / "haproxy.cfg").read_text()
    backend = gateway.partition(f"backend {acted_on.traffic.backend}\n")[2].partition("\nfrontend")[0]
    assert set(re.findall(r"^    server (\S+)", backend, flags=re.M)) == set(acted_on.traffic.servers.values())
    assert f"stats socket {acted_on.traffic.socket} " in gateway
    for region in acted_on.regions.values():
        text = services()[region.service]
        assert f'overwatch.project: "${{SHOP_LABEL:-{acted_on.project}}}", overwatch.region: {region.service}' in text
        assert f" {region.service}:8000 check" in gateway


def test_haproxy_takes_its_configuration(tmp_path):
    program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("no haproxy on this machine: apt-get install haproxy")
    state = tmp_path / "servers.state"
    state.write_text("1\n")
    settings = tmp_path / "haproxy.cfg"
    settings.write_text((DOCKER / "haproxy.cfg").read_text().replace("/run/gateway/servers.state", str(state)))
    done = subprocess.run([program, "-c", "-f", str(settings)], capture_output=True, text=True, timeout=20)
    assert (done.returncode, "WARNING" in done.stdout + done.stderr) == (0, False), done.stderr


def test_a_key_is_made_once_for_its_user_alone(tmp_path):
    path = tmp_path / "password"
    made = subprocess.run([sys.executable, "-I", str(DOCKER / "keys.py"), str(path)], timeout=20)
    first = path.read_text()
    again = subprocess.run([sys.executable, "-I", str(DOCKER / "keys.py"), str(path)], timeout=20)
    assert (made.returncode, again.returncode) == (0, 0)
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert path.read_text() == first
    assert [one.name for one in tmp_path.iterdir()] == ["password"]


@pytest.fixture
def answers():
    """A server that answers with the status at the end of the list."""
    statuses = [503]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[-1])
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield statuses, server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_container_is_well_once_it_was_well_and_for_as_long_as_it_answers(answers, tmp_path):
    statuses, port = answers

    def healthy(at: int = port) -> bool:
        words = [sys.executable, "-IS", str(DOCKER / "healthy.py"), str(at), "/health", str(tmp_path / "was-well")]
        return subprocess.run(words, capture_output=True, timeout=20).returncode == 0

    assert not healthy()
    statuses.append(200)
    assert healthy()
    statuses.append(503)
    assert healthy()
    assert not healthy(1)
    (tmp_path / "was-well").write_text("0")
    assert not healthy()
