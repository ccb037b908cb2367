import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.images.opened import Images

from fastpath.gate.unfinished import octets_needed
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from filterd.commands.roles.packet_gate.front import GateFront
from filterd.commands.roles.packet_gate.queue_drops import Overrun
from filterd.config.kinds import MarkMask
from filterd.config.schema import Gate
from filterd.process.worker import make_reporter


class Loop:
    """Stands for GateLoop: takes tables when it is woken, ends when it is told."""

    def __init__(self, *arguments: object, **options: object) -> None:
        self.arguments, self.options = arguments, options
        self.woken = self.n_turns = 0

    def run(self) -> None:
        raise PermissionError("queue 7")

    def stop(self) -> None:
        """It has ended."""

    def wake(self) -> None:
        self.woken += 1

    def label(self, key: bytes) -> None:
        """It judges nothing that could have a label."""


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GateFront:
    monkeypatch.setattr("filterd.commands.roles.packet_gate.front.GateLoop", Loop)
    config = Gate(
        tls_ports=(443, 8443),
        when_undecidable="closed",
        when_dead="closed",
        flows=2048,
        h2c="pass",
        routing="asymmetric",
        mark_mask=MarkMask(0x3FC00),
    )
    return GateFront(
        7, config, {"en": {2: (b"a", b"b")}}, make_reporter(tmp_path, tmp_path, "gate-0"), tmp_path / "unfinished"
    )


def test_the_loop_is_made_as_the_configuration_says(front: GateFront) -> None:
    queue, _, _, tls_ports, http_ports, closed, pages = front._loop.arguments

    assert (queue, tls_ports, http_ports, closed) == (7, (443, 8443), (80,), 1)
    assert pages == {"en": {2: (b"a", b"b")}}
    assert len(front._loop.options.pop("unfinished")) == octets_needed(2048)
    assert front._loop.options == {
        "n_flows": 2048,
        "when_overloaded_closed": 1,
        "n_windows": 32768,
        "share": 1024,
        "initials_a_second": 1000,
        "is_h2c_let": 1,
        "is_asymmetric": 1,
        "ja4_classes": None,
        "mark_shift": 10,
    }


@pytest.mark.parametrize(
    ("when_dead", "when_overloaded", "is_shut"),
    [("open", None, 0), ("closed", None, 1), ("open", "closed", 1), ("closed", "open", 0)],
)
def test_a_full_queue_goes_by_its_own_word_and_without_one_as_a_dead_gate(
    when_dead: str, when_overloaded: str | None, is_shut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.commands.roles.packet_gate.front.GateLoop", Loop)
    config = Gate(when_dead=when_dead, when_overloaded=when_overloaded)
    front = GateFront(7, config, {}, make_reporter(tmp_path, tmp_path, "gate-0"), tmp_path / "unfinished")

    assert front._loop.options["when_overloaded_closed"] == is_shut
    assert (front._overrun is not None) == is_shut


def test_what_a_full_queue_drops_is_counted_as_long_as_the_loop_turns(
    front: GateFront, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues = tmp_path / "queues"
    queues.write_text("7 4711 0 2 65535 40 2 99312 1\n")
    monkeypatch.setattr(front, "_overrun", Overrun(7, front._reporter.counters, queues.read_text))
    monkeypatch.setattr(front._loop, "n_turns", 1)
    monkeypatch.setattr(front._loop, "run", lambda: None)  # it goes on, and says nothing

    async def play() -> None:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            running = group.create_task(front.run())
            while not front._reporter.counters.values()["gate_queue_overrun"]:  # noqa: ASYNC110  # shared memory
                await asyncio.sleep(0.001)
            running.cancel()

    asyncio.run(play())
    assert front._reporter.counters.values()["gate_queue_overrun"] == 42


def test_a_tap_watches_its_interfaces_and_has_no_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filterd.commands.roles.packet_gate.front.TapLoop", Loop)
    config = Gate(mode="tap", tap_interfaces=("eth1", "eth2"), tap_reset=True, when_undecidable="closed")
    tap = GateFront(
        7, config, {"en": {2: (b"a", b"b")}}, make_reporter(tmp_path, tmp_path, "gate-0"), tmp_path / "unfinished"
    )

    interfaces, _, _, tls_ports, http_ports, closed = tap._loop.arguments
    assert (interfaces, tls_ports, http_ports, closed) == (("eth1", "eth2"), (443,), (80,), 1)
    assert tap._loop.options["is_reset"] is True
    assert tap._loop.options["n_flows"] == config.flows
    assert tap._loop.options["ja4_classes"] is None


@pytest.mark.parametrize("mode", [{}, {"mode": "tap", "tap_interfaces": ("eth1",)}], ids=["inline", "tap"])
def test_hellos_are_counted_by_the_classes_of_the_file_as_it_is_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: dict[str, Any]
) -> None:
    monkeypatch.setattr("filterd.commands.roles.packet_gate.front.GateLoop", Loop)
    monkeypatch.setattr("filterd.commands.roles.packet_gate.front.TapLoop", Loop)
    path = tmp_path / "ja4.txt"
    path.write_text("t13d1516h2_8daaf6152771_02713d6af862 vpn\n")
    reporter = make_reporter(tmp_path, tmp_path, "gate-0")

    counting = GateFront(7, Gate(ja4_classes=path, **mode), {}, reporter, tmp_path / "unfinished")
    without = GateFront(7, Gate(ja4_classes=tmp_path / "absent.txt", **mode), {}, reporter, tmp_path / "absent")

    assert counting._loop.options["ja4_classes"].names == ("vpn",)
    assert without._loop.options["ja4_classes"] is None


def test_what_ends_the_loop_ends_the_front(front: GateFront) -> None:
    with pytest.raises(PermissionError, match="queue 7"):
        asyncio.run(front.run())


def test_newer_tables_given_meanwhile_count_as_taken(
    front: GateFront, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = (TableSet(images.names([("orders", f"{name}.test", Mode.SUBTREE)])) for name in "ab")
    newest = front._handoff.give(newer)
    monkeypatch.setattr(front._thread, "_handoff", Taken(newest))

    asyncio.run(front.use(older))


class Taken:
    """Stands for a handoff whose loop has gone on to newer tables."""

    def __init__(self, ticket: int) -> None:
        self.ticket = ticket

    def give(self, tables: TableSet) -> int:
        return self.ticket - 1

    def taken(self) -> int:
        return self.ticket


def test_tables_that_the_loop_does_not_take_are_a_timeout(
    front: GateFront, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dns.base.loop_thread.SWAP_PATIENCE_S", 0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(front.use(TableSet(images.names([("orders", "bad.test", Mode.SUBTREE)]))))
    assert front._loop.woken == 1
