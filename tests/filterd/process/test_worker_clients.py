import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from filterd.box.places import worker_socket
from filterd.config import read_config
from filterd.process.codec import FailureReply
from filterd.process.json_socket import serve
from filterd.process.messages import WORKER_REQUESTS, ConfigDigest, Configure, InUse, Status, Use, WorkerStatus
from filterd.process.worker_clients import ask_status, configure_all, tell_all, workers_of

T = TypeVar("T")
Request = Status | Use | Configure
TAKEN = InUse({"names": (1, 0)})


def play(tmp_path: Path, workers: Mapping[str, object], call: Callable[[], Awaitable[T]]) -> tuple[T, list[Request]]:
    """(what `call` gives, what the workers were asked).   workers  name → reply to everything"""

    async def run() -> tuple[T, list[Request]]:
        seen: list[Request] = []

        def answering(reply: object) -> Callable[[Request], Awaitable[object]]:
            async def answer(request: Request) -> object:
                seen.append(request)
                return reply

            return answer

        servers = [
            await serve(worker_socket(tmp_path, name), "worker", WORKER_REQUESTS, answering(reply))
            for name, reply in workers.items()
        ]
        try:
            return await call(), seen
        finally:
            for server in servers:
                server.close()

    return asyncio.run(run())


def test_every_worker_is_asked_and_says_yes_or_why_not(tmp_path: Path) -> None:
    workers = {"dns-0": TAKEN, "gate-0": FailureReply(refused="checksum differs")}

    said, seen = play(tmp_path, workers, lambda: tell_all(tmp_path, ()))

    assert said == {"dns-0": None, "gate-0": "checksum differs"}
    assert seen == [Use("current.json")] * 2


def test_a_worker_that_is_gone_counts_as_refusing_and_delays_no_other(tmp_path: Path) -> None:
    (tmp_path / "gate-0").mkdir()
    worker_socket(tmp_path, "gate-0").write_text("")

    said, _ = play(tmp_path, {"dns-0": TAKEN}, lambda: tell_all(tmp_path, ()))

    assert said["dns-0"] is None
    assert "gate-0/worker.sock" in str(said["gate-0"])


def test_the_configuration_is_for_the_workers_of_a_role_or_for_all(tmp_path: Path) -> None:
    workers = {"dns-0": ConfigDigest(digest="0" * 64), "gate-0": FailureReply(refused="no such queue")}

    of_gate, asked = play(tmp_path, workers, lambda: configure_all(tmp_path, ("dns-0",), "gate"))
    of_all, _ = play(tmp_path, workers, lambda: configure_all(tmp_path, ()))

    assert (of_gate, asked) == ({"gate-0": "no such queue"}, [Configure()])
    assert of_all == {"dns-0": None, "gate-0": "no such queue"}


def test_a_worker_that_ends_while_it_is_told_the_configuration_has_not_refused_it(tmp_path: Path) -> None:
    async def run() -> dict[str, str | None]:
        place = worker_socket(tmp_path, "dns-0")
        place.parent.mkdir()
        dying = await asyncio.start_unix_server(lambda _, writer: writer.transport.abort(), place)
        async with dying:
            return await configure_all(tmp_path, ())

    assert asyncio.run(run()) == {}


def test_a_status_is_passed_on_and_a_silent_worker_has_one_too(tmp_path: Path) -> None:
    (tmp_path / "gate-0").mkdir()
    worker_socket(tmp_path, "gate-0").write_text("")
    status = WorkerStatus(name="dns-0", pid=7, generations={"names": (1, 0)}, refused=None, counters={"x": 1})

    found, _ = play(tmp_path, {"dns-0": status}, lambda: ask_status(tmp_path, ()))

    assert found[0] == status
    assert found[1].name == "gate-0"
    assert found[1].refused


def test_without_workers_there_is_no_reply(tmp_path: Path) -> None:
    assert asyncio.run(tell_all(tmp_path, ())) == {}


def test_a_worker_that_the_configuration_asks_for_and_that_is_not_there_has_not_taken_anything(tmp_path: Path) -> None:
    config = read_config(b"dns: {upstreams: ['192.0.2.53:53'], workers: 2}\ngate: {workers: 1}\n", "test", tmp_path)

    said, _ = play(tmp_path, {"dns-0": TAKEN}, lambda: tell_all(tmp_path, workers_of(config)))

    assert sorted(said) == ["dns-0", "dns-1", "gate-0"]
    assert said["dns-0"] is None
    assert all(said[name] for name in ("dns-1", "gate-0"))
