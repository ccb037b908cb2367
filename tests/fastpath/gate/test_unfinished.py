"""Where the kernel keeps no mark, the gate remembers what was left unjudged: long enough, and beyond its own life."""

from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, BLOCKED, DECOY, DROPPED, NOW_S, PARTIAL, REAL, Lab, state_in
from support.packets.builders import ACK, FIN, PSH, SYN, Client, request

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_QUEUED
from fastpath.gate.unfinished import octets_needed
from fastpath.images.tables import Handoff, TableSet
from fastpath.report.spool import Reporter

N_FLOWS = 48
HOUR_S = 3600
WEB = Client(dport=80)
HEAD = request(b"www.blocked.test")
AGAIN = Client(isn=50_000)


class Life:
    """A gate of asymmetric routing, and the memory that outlives it."""

    def __init__(self, folder: Path, tables: TableSet, memory: bytearray | None = None, closed: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        self.closed = closed
        self.memory = memory if memory is not None else bytearray(octets_needed(N_FLOWS))
        self.handoff = Handoff()
        self.handoff.give(tables)
        self.reporter = Reporter(folder / "counters", folder / "spool")
        self.now_s = NOW_S
        self.restart()

    def restart(self) -> None:
        self.gate = GateLoop(
            0,
            self.handoff,
            self.reporter,
            [443],
            [80],
            self.closed,
            {},
            N_FLOWS,
            n_windows=24,
            share=6,
            is_asymmetric=1,
            unfinished=self.memory,
        )

    def send(self, client: Client, at: int, octets: bytes = b"", flags: int = ACK | PSH) -> int:
        return state_in(self.gate.feed(client.segment(at, octets, flags), MARK_QUEUED, self.now_s))

    def open(self, client: Client, at: int = -1) -> int:
        return self.send(client, at, flags=SYN)

    def press(self, n: int) -> None:
        """Beginnings of hellos on other connections."""
        for sport in range(1000, 1000 + n):
            self.open(Client(sport=sport))
            self.send(Client(sport=sport), 0, REAL[:30])
            self.gate.injected()

    def counted(self, name: str) -> int:
        return self.reporter.counters.values()[name]


@pytest.fixture(params=[0, 1], ids=["open", "closed"])
def life(request: pytest.FixtureRequest, tmp_path: Path, tables: TableSet) -> Life:
    return Life(tmp_path, tables, closed=request.param)


def restart(life: Life) -> None:
    life.restart()


def press(life: Life) -> None:
    life.press(2 * N_FLOWS)


def fall_silent(life: Life) -> None:
    life.now_s += 301
    life.press(3)


FORGETTING = pytest.mark.parametrize("forget", [restart, press, fall_silent])


@FORGETTING
@pytest.mark.parametrize(("client", "octets"), [(Client(), REAL), (WEB, HEAD)], ids=["TLS", "HTTP"])
def test_the_rest_of_what_was_forgotten_is_blocked(life: Life, forget: object, client: Client, octets: bytes) -> None:
    life.open(client)
    assert life.send(client, 0, octets[:30]) == PARTIAL
    forget(life)  # type: ignore[operator]

    assert life.send(client, 30, octets[30:]) == BLOCKED


@FORGETTING
@pytest.mark.parametrize("again", [-1, 29, 5000], ids=["the same SYN", "one where the rest begins", "another"])
def test_another_syn_begins_nothing_where_a_server_may_wait_for_the_rest(
    life: Life, forget: object, again: int
) -> None:
    life.open(WEB)
    assert life.send(WEB, 0, HEAD[:30]) == PARTIAL
    forget(life)  # type: ignore[operator]

    assert life.open(WEB, again) == BLOCKED
    assert life.send(WEB, 30, HEAD[30:]) == BLOCKED


def test_another_syn_leaves_the_true_stream_as_it_is(life: Life) -> None:
    life.open(Client())
    assert life.send(Client(), 0, DECOY[:30]) == PARTIAL

    assert life.open(AGAIN) == BLOCKED
    assert life.send(Client(), 30, DECOY[30:]) == ALLOWED


def test_a_connection_whose_octets_were_judged_is_not_remembered(life: Life) -> None:
    life.open(Client())
    life.send(Client(), 0, DECOY[:30])
    assert life.send(Client(), 30, DECOY[30:]) == ALLOWED
    life.restart()

    assert life.open(AGAIN) == 0
    assert life.send(AGAIN, 0, DECOY) == ALLOWED
    assert life.counted("gate_forgotten") == 0


def test_a_fin_judges_what_has_come_and_proves_no_end(life: Life) -> None:
    life.open(WEB)
    life.send(WEB, 0, b"GET / HTTP/1.1\r\nHo")
    assert life.send(WEB, 18, flags=FIN | ACK) in (ALLOWED, BLOCKED)  # closed: a request without a host
    life.restart()

    assert life.open(WEB) == BLOCKED


def test_what_was_blocked_behind_forwarded_octets_is_remembered(life: Life) -> None:
    life.open(Client())
    life.send(Client(), 0, REAL[:30])
    assert life.send(Client(), 30, REAL[30:]) == BLOCKED
    life.restart()

    assert life.open(Client(), 29) == BLOCKED


def test_a_fin_without_octets_of_a_remembered_connection_is_blocked(life: Life) -> None:
    life.open(WEB)
    life.send(WEB, 0, HEAD[:30])
    life.restart()

    assert life.send(WEB, 30, flags=FIN | ACK) == BLOCKED


def test_it_is_remembered_for_an_hour_behind_its_last_octets_and_then_counted(life: Life) -> None:
    life.open(WEB)
    life.send(WEB, 0, HEAD[:20])
    life.now_s += 200
    life.send(WEB, 20, HEAD[20:25])
    life.restart()
    life.now_s += HOUR_S
    assert life.open(WEB, 5000) == BLOCKED
    assert life.counted("gate_unfinished_lost") == 0

    life.now_s += 128
    assert life.open(WEB, 5000) == 0
    assert life.counted("gate_unfinished_lost") == 1


def test_a_clock_that_is_set_back_forgets_nothing(life: Life) -> None:
    life.open(WEB)
    life.send(WEB, 0, HEAD[:30])
    life.restart()
    life.now_s -= 7200

    assert life.open(WEB) == BLOCKED


def test_more_than_there_is_room_for_is_counted_and_the_newest_are_kept(life: Life) -> None:
    n_room = (octets_needed(N_FLOWS) - 64) // 8
    for sport in range(2 * n_room):
        life.open(Client(sport=sport + 1))
        life.send(Client(sport=sport + 1), 0, REAL[:30])
        life.now_s += sport % 2
    life.restart()

    assert life.counted("gate_unfinished_lost") >= n_room
    newest = [life.open(Client(sport=sport + 1)) for sport in range(2 * n_room - 50, 2 * n_room)]
    assert newest == [BLOCKED] * 50


def test_a_memory_that_is_none_is_begun_anew_and_one_of_another_size_refused(tmp_path: Path, tables: TableSet) -> None:
    life = Life(tmp_path, tables, bytearray(b"x" * octets_needed(N_FLOWS)))
    assert life.open(WEB) == 0

    with pytest.raises(ValueError, match="octets of memory"):
        Life(tmp_path, tables, bytearray(1000))


def test_two_memories_have_two_keys(tmp_path: Path, tables: TableSet) -> None:
    one, other = Life(tmp_path / "1", tables), Life(tmp_path / "2", tables)

    assert one.memory[8:24] != other.memory[8:24]


def test_where_the_kernel_keeps_marks_nothing_is_remembered(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables)
    assert lab.send(WEB, 0, HEAD[:30]) == PARTIAL

    assert lab.send(Client(dport=80, isn=9000), 0, HEAD) != DROPPED
    assert lab.counted("gate_forgotten") == 0
