"""Where the kernel keeps no mark, the gate remembers what servers may wait for: long enough, beyond its own life."""

from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, BLOCKED, DECOY, DROPPED, NOW_S, PARTIAL, REAL, Lab, state_in
from support.packets.builders import ACK, FIN, PSH, RST, SYN, Client, request

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_QUEUED
from fastpath.gate.unfinished import octets_needed
from fastpath.images.tables import Handoff, TableSet
from fastpath.report.spool import Reporter

N_FLOWS = 48
HOUR_S = 3600
WEB = Client(dport=80)
HEAD, ALLOWED_HEAD = request(b"www.blocked.test"), request(b"www.allowed.test")


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
            is_asymmetric=True,
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
def test_the_rest_is_blocked_behind_another_syn_too_as_a_server_may_wait_for_it(
    life: Life, forget: object, again: int
) -> None:
    life.open(WEB)
    assert life.send(WEB, 0, HEAD[:30]) == PARTIAL
    forget(life)  # type: ignore[operator]

    life.open(WEB, again)
    assert life.send(WEB, 30, HEAD[30:]) == BLOCKED


@FORGETTING
@pytest.mark.parametrize("at", [0, 29, 30, 31])
def test_what_seems_to_be_judged_completes_no_other_hello(life: Life, forget: object, at: int) -> None:
    life.open(Client())
    assert life.send(Client(), 0, DECOY) == ALLOWED  # of which its server has 30 octets of another hello
    forget(life)  # type: ignore[operator]

    life.open(Client())
    assert life.send(Client(), at, DECOY[at:]) == BLOCKED


@FORGETTING
def test_ports_are_used_again_at_once_whatever_was_left_on_them(life: Life, forget: object) -> None:
    life.open(WEB)
    life.send(WEB, 0, HEAD[:30])
    forget(life)  # type: ignore[operator]

    life.open(Client(dport=80, isn=50_000))
    assert life.send(Client(dport=80, isn=50_000), 0, ALLOWED_HEAD) == ALLOWED


def test_a_syn_that_comes_again_to_another_gate_begins_the_same_stream(life: Life) -> None:
    life.open(Client())
    life.restart()
    life.open(Client())

    assert life.send(Client(), 0, DECOY) == ALLOWED


def test_octets_behind_a_decoy_syn_do_not_complete_what_the_first_syn_began(life: Life) -> None:
    """They lie ready at a server, ahead of what it waits for."""
    ahead = Client(isn=1100, dport=80)
    life.open(WEB)
    life.open(ahead)
    assert life.send(ahead, 0, ALLOWED_HEAD) == ALLOWED
    life.open(WEB)

    assert life.send(WEB, 0, HEAD[:30]) == BLOCKED


@pytest.mark.parametrize("by", [0, 1, 39, 40, 41])
def test_each_earlier_stream_of_the_same_ports_has_its_place(life: Life, by: int) -> None:
    clients = [Client(dport=80, isn=isn) for isn in (1000, 0x40000000, 0xFFFFFFF0, 0x80000000, 0xC0000000)]
    for client in clients:
        life.open(client)
        assert life.send(client, 0, ALLOWED_HEAD) == ALLOWED
    for client in clients:
        life.restart()
        assert life.send(client, by, HEAD) == BLOCKED


def test_the_place_of_a_stream_grows_with_it(life: Life) -> None:
    n = 40_000
    life.open(WEB)
    life.send(WEB, 0, request(b"www.allowed.test", method=b"POST", more=b"Content-Length: 900000\r\n"))
    for at in range(100, 800_000, n):
        life.send(WEB, at, b"x" * n)
    life.restart()
    life.open(Client(dport=80, isn=3_000_000))

    assert life.send(WEB, 700_000, HEAD) == BLOCKED


def test_a_syn_with_a_reset_begins_nothing(life: Life) -> None:
    life.open(WEB)
    life.send(WEB, 36, flags=SYN | RST)

    assert life.send(WEB, 0, HEAD) == BLOCKED


def test_a_fin_judges_what_has_come_and_proves_no_end(life: Life) -> None:
    life.open(WEB)
    life.send(WEB, 0, b"GET / HTTP/1.1\r\nHo")
    assert life.send(WEB, 18, flags=FIN | ACK) in (ALLOWED, BLOCKED)  # closed: a request without a host
    life.restart()

    assert life.send(WEB, 18, b"st: www.blocked.test\r\n\r\n") == BLOCKED


def test_what_was_blocked_behind_forwarded_octets_is_remembered(life: Life) -> None:
    life.open(Client())
    life.send(Client(), 0, REAL[:30])
    assert life.send(Client(), 30, REAL[30:]) == BLOCKED
    life.restart()

    life.open(Client(), 29)
    assert life.send(Client(), 30, REAL[30:]) == BLOCKED


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
    assert life.send(WEB, 25, HEAD[25:]) == BLOCKED
    assert life.counted("gate_unfinished_lost") == 0

    life.now_s += 128
    life.open(WEB)
    assert life.counted("gate_unfinished_lost") == 1


def test_a_clock_that_is_set_back_forgets_nothing(life: Life) -> None:
    life.open(WEB)
    life.send(WEB, 0, HEAD[:30])
    life.restart()
    life.now_s -= 7200

    assert life.send(WEB, 30, HEAD[30:]) == BLOCKED


def test_more_than_there_is_room_for_is_counted_and_the_newest_are_kept(life: Life) -> None:
    n_room = (octets_needed(N_FLOWS) - 64) // 32
    for sport in range(2 * n_room):
        life.open(Client(sport=sport + 1))
        life.send(Client(sport=sport + 1), 0, REAL[:30])
        life.now_s += sport % 2
    life.restart()

    assert life.counted("gate_unfinished_lost") >= n_room
    rest = range(2 * n_room - 50, 2 * n_room)
    newest = [life.send(Client(sport=sport + 1), 30, REAL[30:]) for sport in rest]
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
