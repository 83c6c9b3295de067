"""The one door to the Docker Engine: it sees and touches containers with the project's label, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from docker import APIClient  # type: ignore[import-untyped]

from overwatch_mcp.docker_errors import mapped
from overwatch_mcp.docker_member import PROJECT, REGION, Member, read_member
from overwatch_mcp.docker_template import NEVER
from overwatch_mcp.errors import DeniedError, LostError, MissingError, NotDoneError

R = TypeVar("R")

LOCAL_SOCKET = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 20
"""How long the engine may take to answer; stopping takes the time of grace besides."""
PULL_SECONDS = 120.0
MOST_PULLS = 4
THREADS = 8
"""Calls at once. They are the engine's own: one that hangs keeps nothing else of this process waiting."""
GRACE_SECONDS = 10
"""How long a container has to end by itself."""


class EngineApi(Protocol):
    """What is used of `docker.APIClient`."""

    def containers(self, *, all: bool, filters: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: A002 - the SDK's name
        """The containers that match."""
        ...

    def inspect_container(self, container: str) -> dict[str, Any]:
        """One container in full."""
        ...

    def inspect_image(self, image: str) -> dict[str, Any]:
        """One image in full."""
        ...

    def pull(self, repository: str) -> Any:
        """Get an image from its registry."""
        ...

    def create_container_from_config(self, config: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Make a container."""
        ...

    def start(self, container: str) -> None:
        """Start it."""
        ...

    def stop(self, container: str, timeout: int) -> None:
        """Ask it to end, and kill it after `timeout` seconds."""
        ...

    def restart(self, container: str, timeout: int) -> None:
        """Stop and start it."""
        ...

    def rename(self, container: str, name: str) -> None:
        """Give it another name."""
        ...

    def remove_container(self, container: str, *, v: bool, force: bool) -> None:
        """Remove it, with its anonymous volumes where `v` says so."""
        ...

    def update_container(self, container: str, *, restart_policy: Mapping[str, Any]) -> Any:
        """Change its restart policy."""
        ...

    def connect_container_to_network(self, container: str, net_id: str, *, aliases: list[str]) -> None:
        """Attach it to a network."""
        ...

    def disconnect_container_from_network(self, container: str, net_id: str) -> None:
        """Take it off a network."""
        ...

    def logs(self, container: str, *, stdout: bool, stderr: bool, timestamps: bool, tail: int) -> bytes:
        """The last lines that it wrote."""
        ...

    def stats(self, container: str, *, stream: bool) -> dict[str, Any]:
        """One measurement of what it uses."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


def connected(url: str | None) -> EngineApi:
    """A client of the engine; it asks for the version at once. Blocks. Raises OSError or what the SDK raises."""
    from docker.utils import kwargs_from_env  # type: ignore[import-untyped] # noqa: PLC0415

    told = {"base_url": url} if url else kwargs_from_env()
    address = str(told.get("base_url", LOCAL_SOCKET))
    if address.startswith("unix://"):  # the SDK leaves a socket open that could not be connected
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(ANSWER_SECONDS)
            probe.connect(address.removeprefix("unix://"))
    client: EngineApi = APIClient(version="auto", timeout=ANSWER_SECONDS, **told)
    return client


class DockerEngine:
    """The containers of one project. Each call runs in a thread and raises PlatformError."""

    def __init__(self, project: str, connect: Callable[[], EngineApi]) -> None:
        self._project = project
        self._connect = connect
        self._api: EngineApi | None = None
        self._connecting = asyncio.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._pulls: dict[str, asyncio.Future[None]] = {}

    async def close(self) -> None:
        """Let connections go."""
        if self._api is not None:
            await asyncio.to_thread(self._api.close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def members(self, service: str) -> list[Member]:
        """The containers of one region, running or not, the oldest first. One that goes away meanwhile is left out."""
        what = f"listing the containers of {service!r}"
        labels = [f"{PROJECT}={self._project}", f"{REGION}={service}"]
        listed = await self._call(
            what, lambda api: [str(one["Id"]) for one in api.containers(all=True, filters={"label": labels})]
        )
        found = await asyncio.gather(*(self._look(one) for one in listed))
        mine = [one for one in found if one is not None and self._is_mine(one) and one.service == service]
        return sorted(mine, key=lambda one: (one.created_at is None, str(one.created_at), one.name))

    async def again(self, member: Member) -> Member:
        """The same container, looked at again. Raises MissingError where it is gone."""
        return await self._call(f"looking at {member.name!r}", lambda api: read_member(api.inspect_container(member.id)))

    async def image(self, name: str) -> Mapping[str, Any]:
        """An image that the engine has. Raises MissingError."""
        return await self._call(f"looking at the image {name!r}", lambda api: api.inspect_image(name))

    async def need_image(self, name: str) -> Mapping[str, Any]:
        """An image, fetched from its registry where the engine doesn't have it. Raises MissingError where nobody has it."""
        try:
            return await self.image(name)
        except MissingError:
            try:
                await self._pull(name)
            except LostError as error:
                raise MissingError(f"{name!r} is not on the engine, and can't be pulled: {error}") from error
            return await self.image(name)

    async def _pull(self, name: str) -> None:
        """Wait for a pull, for so long. It goes on by itself: whoever asks again waits for the same one.

        The SDK sets no limit to it, so that it has a thread that holds up neither the others nor the end of this process.
        """
        if name not in self._pulls:
            if len(self._pulls) >= MOST_PULLS:
                raise NotDoneError(f"{MOST_PULLS} images are being pulled already: wait, or look after them on the engine")
            with mapped(f"pulling {name!r}"):
                api = self._api or await self._open()
            self._pulls[name] = _aside(lambda: api.pull(name))
            self._pulls[name].add_done_callback(lambda _: self._pulls.pop(name, None))
        try:
            async with asyncio.timeout(PULL_SECONDS):
                with mapped(f"pulling {name!r}"):
                    await asyncio.shield(self._pulls[name])
        except TimeoutError as error:
            raise MissingError(
                f"{name!r} was not pulled within {PULL_SECONDS:.0f} s: the engine may go on, try again once it has it"
            ) from error

    async def create(self, name: str, config: Mapping[str, Any]) -> Member:
        """Make a container, not started. Raises DeniedError where it would not carry the project's label."""
        labels = config.get("Labels") or {}
        if labels.get(PROJECT) != self._project:
            raise DeniedError(f"{name!r} would not carry the label {PROJECT}={self._project}: nothing else is made here")

        def make(api: EngineApi) -> Member:
            return read_member(api.inspect_container(str(api.create_container_from_config(config, name)["Id"])))

        return await self._call(f"making {name!r}", make)

    async def start(self, member: Member) -> None:
        """Start a container."""
        await self._act("starting", member, lambda api: api.start(member.id))

    async def stop(self, member: Member) -> None:
        """Stop a container for good: its restart policy would bring it back with the engine."""
        await self._act("stopping", member, lambda api: api.stop(member.id, timeout=GRACE_SECONDS))
        await self._act("stopping", member, lambda api: api.update_container(member.id, restart_policy=NEVER))

    async def keep_up(self, member: Member, policy: Mapping[str, Any]) -> None:
        """Give a container its restart policy."""
        await self._act("updating", member, lambda api: api.update_container(member.id, restart_policy=policy))

    async def restart(self, member: Member) -> None:
        """Stop and start a container."""
        await self._act("restarting", member, lambda api: api.restart(member.id, timeout=GRACE_SECONDS))

    async def rename(self, member: Member, name: str) -> None:
        """Give a container another name."""
        await self._act("renaming", member, lambda api: api.rename(member.id, name))

    async def remove(self, member: Member, *, volumes: bool = False) -> None:
        """Stop and remove a container; one that is gone already is well.

        `volumes` removes its anonymous volumes too: only for one that never took traffic, as nobody else knows what is in them.
        """
        try:
            await self._act("stopping", member, lambda api: api.stop(member.id, timeout=GRACE_SECONDS))
            await self._act("removing", member, lambda api: api.remove_container(member.id, v=volumes, force=True))
        except MissingError:
            return

    async def attach(self, member: Member, network: str, aliases: frozenset[str]) -> None:
        """Attach a container to a network, to be found there by these names."""
        names = sorted(aliases)
        await self._act("attaching", member, lambda api: api.connect_container_to_network(member.id, network, aliases=names))

    async def detach(self, member: Member, network: str) -> None:
        """Take a container off a network."""
        await self._act("detaching", member, lambda api: api.disconnect_container_from_network(member.id, network))

    async def logs(self, member: Member, lines: int, stream: str) -> bytes:
        """The last lines of one of a container's streams, `stdout` or `stderr`, each with its time in front."""
        wanted = {"stdout": stream == "stdout", "stderr": stream == "stderr"}
        return await self._act(
            "reading the log of", member, lambda api: api.logs(member.id, timestamps=True, tail=lines, **wanted)
        )

    async def stats(self, member: Member) -> Mapping[str, Any]:
        """What a container uses, measured over a second."""
        return await self._act("measuring", member, lambda api: api.stats(member.id, stream=False))

    def _is_mine(self, member: Member) -> bool:
        return member.labels.get(PROJECT) == self._project

    async def _look(self, container: str) -> Member | None:
        try:
            return await self._call("looking at a container", lambda api: read_member(api.inspect_container(container)))
        except MissingError:
            return None

    async def _act(self, what: str, member: Member, call: Callable[[EngineApi], R]) -> R:
        """The only way to touch a container: labels never change and ids are never used again, so one look is enough."""
        if not self._is_mine(member):
            raise DeniedError(f"{member.name!r} does not carry the label {PROJECT}={self._project}: it is not touched")
        return await self._call(f"{what} {member.name!r}", call)

    async def _call(self, what: str, call: Callable[[EngineApi], R]) -> R:
        with mapped(what):
            api = self._api or await self._open()
            return await asyncio.get_running_loop().run_in_executor(self._threads, call, api)

    async def _open(self) -> EngineApi:
        async with self._connecting:
            if self._api is None:
                self._api = await asyncio.get_running_loop().run_in_executor(self._threads, self._connect)
            return self._api


def _aside(call: Callable[[], object]) -> asyncio.Future[None]:
    """Run something in a thread of its own that this process does not wait for at its end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    done.add_done_callback(lambda _: done.cancelled() or done.exception())  # nobody may be waiting any more

    def tell(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def work() -> None:
        failure: BaseException | None = None
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - it is told to whoever waits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, failure)

    threading.Thread(target=work, name="docker pull", daemon=True).start()
    return done
