"""Faults around the DNS front: upstreams that are dead, slow or lie, noise, floods, killed workers, no descriptors.

What is asked of every one of them: who is blocked stays blocked meanwhile, nobody gets what an upstream did not say to
the question, and once the fault is over everything is as before.
"""

import contextlib
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from dnslib import QTYPE, RCODE, RR, TXT, DNSHeader, DNSQuestion, DNSRecord
from support.dns.loop_bench import WAIT_S, Bench, says_nothing, with_address
from support.images.opened import Images
from support.packets.shapes import question
from support.system.daemon import DEADLINE_S, UPSTREAM_ADDRESS, Daemon, eventually

from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire
from filterd.process.json_socket import ask_blocking

BLOCKED = ("orders", "n.test", Mode.SUBTREE)
SPLASH = "192.0.2.80"
N_UNDER_WAY = 200  # what the buffer of the played upstream holds
DAY_S = 86400
SPLASHED = bytes((192, 0, 2, 1))  # what the daemon says for listed names


@pytest.fixture
def bench(images: Images, stack: ExitStack) -> Bench:
    bench = Bench(images, stack, ("127.0.0.1",))
    bench.block(BLOCKED)
    return bench


def heard(opened: socket.socket, name: str) -> tuple[DNSRecord, tuple[str, int]]:
    """The next message with this name in it, in any case, among whatever else still comes, and its sender."""
    while True:
        message, sender = opened.recvfrom(65535)
        if to_wire(name.encode()) in message.lower():
            return DNSRecord.parse(message), sender


def blocks(bench: Bench) -> bool:
    """Whether a listed name is answered as ever."""
    query = bench.ask("blocked.n.test")
    answer, _ = heard(bench.clients[0], "blocked.n.test")
    return (answer.header.id, str(answer.a.rdata)) == (query.header.id, SPLASH)


def comes_through(bench: Bench, name: str) -> bool:
    """Whether a free name is forwarded and its answer delivered."""
    query = bench.ask(name)
    asked, sender = heard(bench.upstream, name)
    bench.reply(with_address(asked), sender)
    answer, _ = heard(bench.clients[0], name)
    return (answer.header.id, answer.q, str(answer.a.rdata)) == (query.header.id, query.q, "198.51.100.1")


def revive(bench: Bench) -> None:
    """Answer what the upstream is asked, until its probe is among it: it was silent for seconds, and counts as dead."""

    def is_alive() -> bool:
        bench.upstream.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            message, sender = bench.upstream.recvfrom(65535)
            bench.upstream.sendto(message[:2] + b"\x81\x80" + message[4:], sender)
        return not bench.loop.is_upstream_dead

    bench.turn_until(is_alive)
    bench.upstream.settimeout(WAIT_S)


# ------------------------------------------------------------------------------------------------------------ upstreams


def test_names_stay_blocked_while_the_upstream_is_silent_and_free_ones_come_back_with_it(bench: Bench) -> None:
    for number in range(N_UNDER_WAY):
        bench.ask(f"silent{number}.test")
    assert blocks(bench)

    for _ in range(N_UNDER_WAY):
        bench.forwarded()

    assert comes_through(bench, "again.test")


def test_names_stay_blocked_while_the_upstream_refuses_connections(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    bench.block(BLOCKED)
    bench.upstream.close()

    for number in range(N_UNDER_WAY):
        bench.ask(f"refused{number}.test")

    assert blocks(bench)


def test_a_slow_upstream_that_answers_in_any_order_gives_everybody_their_own_answer(bench: Bench) -> None:
    queries = {}
    for number in range(N_UNDER_WAY):
        query = bench.ask(f"slow{number}.test")
        queries[query.header.id, str(query.q.qname)] = f"198.51.100.{number}"
    asked = [bench.forwarded() for _ in queries]
    random.Random(1).shuffle(asked)

    for record, sender in asked:
        last_octet = str(record.q.qname).lower().removeprefix("slow").partition(".")[0]
        bench.reply(with_address(record, f"198.51.100.{last_octet}"), sender)
    heard = [bench.answer() for _ in queries]

    assert {(each.header.id, str(each.q.qname)): str(each.a.rdata) for each in heard} == queries


@pytest.mark.parametrize("lie", ["id", "name", "type", "class", "no answer at all"])
def test_an_upstream_that_lies_about_the_question_is_not_believed(bench: Bench, lie: str) -> None:
    query = bench.ask("free.test")
    asked, sender = bench.forwarded()
    true, number = with_address(asked), asked.header.id
    said = {
        "id": bytes([true[0] ^ 0x55]) + true[1:],
        "name": with_address(DNSRecord(DNSHeader(id=number), q=DNSQuestion("evil.test"))),
        "type": with_address(DNSRecord(DNSHeader(id=number), q=DNSQuestion("free.test", QTYPE.MX))),
        "class": with_address(DNSRecord(DNSHeader(id=number), q=DNSQuestion("free.test", QTYPE.A, 3))),
        "no answer at all": true[:2] + bytes([true[2] & 0x7F]) + true[3:],
    }

    bench.reply(said[lie], sender)
    assert says_nothing(bench.clients[0])
    bench.reply(true, sender)

    assert bench.answer().header.id == query.header.id


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_nobody_but_the_upstream_is_believed_whatever_they_know(bench: Bench, host: str) -> None:
    liar = bench.open(host)  # another port, or another address
    query = bench.ask("free.test")
    asked, sender = bench.forwarded()

    liar.sendto(with_address(asked, "198.51.100.66"), sender)
    bench.turn(0)
    assert says_nothing(bench.clients[0])
    bench.reply(with_address(asked), sender)

    answer = bench.answer()
    assert (answer.header.id, str(answer.a.rdata)) == (query.header.id, "198.51.100.1")


def test_an_answer_cut_at_any_octet_gives_the_client_nothing_that_the_upstream_did_not_say(bench: Bench) -> None:
    whole = len(with_address(DNSRecord.question("cut000.test")))
    for n in range(whole):
        bench.ask(f"cut{n:03}.test")
        asked, sender = bench.forwarded()
        bench.reply(with_address(asked, "198.51.100.1")[:n], sender)
        while not says_nothing(bench.clients[0]):
            pass

    assert blocks(bench)
    assert comes_through(bench, "whole.test")


def test_an_answer_too_large_for_anybody_sends_the_client_to_tcp(bench: Bench) -> None:
    query = bench.ask("huge.test", "TXT")
    asked, sender = bench.forwarded()
    reply = asked.reply()
    for number in range(240):
        reply.add_answer(RR(asked.q.qname, QTYPE.TXT, rdata=TXT(f"{number:03}" * 80), ttl=30))
    huge = bytes(reply.pack())
    assert 60_000 < len(huge) < 65_507

    bench.reply(huge, sender)

    raw = bench.clients[0].recv(65535)
    answer = DNSRecord.parse(raw)
    assert (answer.header.id, answer.header.tc, answer.q) == (query.header.id, 1, query.q)
    assert len(raw) <= 512
    assert blocks(bench)


# ---------------------------------------------------------------------------------------------------------------- noise


def noise(draw: random.Random, seeds: list[bytes]) -> bytes:
    """Anything, or something that nearly is a message."""
    if draw.random() < 0.3:
        return draw.randbytes(draw.randrange(0, 600))
    message = bytearray(draw.choice(seeds))
    for _ in range(draw.randrange(1, 4)):
        message[draw.randrange(len(message))] = draw.randrange(256)
    return bytes(message[: draw.randrange(1, len(message) + 1)])


def drain(bench: Bench) -> int:
    """Read what client and upstream were sent; how many messages."""
    n = 0
    for opened in (bench.clients[0], bench.upstream):
        while not says_nothing(opened):
            n += 1
    return n


@pytest.mark.parametrize("n_packets", [100_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_random_packets_from_both_sides_change_nothing(bench: Bench, n_packets: int) -> None:
    draw = random.Random(2)
    upstreams = set()
    for number in range(64):
        bench.ask(f"before{number}.test")
        upstreams.add(bench.forwarded()[1])
    queries = [question(b"www.n.test"), question(b"free.test"), bytes(DNSRecord.question("n.test", "HTTPS").pack())]
    answers = [with_address(DNSRecord.question("free.test")), with_address(DNSRecord.question("n.test"))]
    client, listener = bench.clients[0], bench.listeners[0].getsockname()

    for _ in range(n_packets // 64):
        for _ in range(32):
            client.sendto(noise(draw, queries), listener)
            bench.upstream.sendto(noise(draw, answers), draw.choice(sorted(upstreams)))
        bench.turn(0)
        if draw.random() < 0.1:  # else their buffers are full, and what comes after is lost
            drain(bench)

    bench.turn_until(lambda: drain(bench) == 0)
    assert blocks(bench)
    revive(bench)
    assert comes_through(bench, "after.test")


def test_a_client_is_served_while_another_one_floods(bench: Bench, stack: ExitStack) -> None:
    listener, over = bench.listeners[0].getsockname(), threading.Event()
    flooder, client = bench.open("127.0.0.2"), bench.open("127.0.0.1")
    client.settimeout(1)

    def flood() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                flooder.sendto(question(b"flood.n.test"), listener)

    threads = [threading.Thread(target=bench.loop.run), threading.Thread(target=flood)]
    for thread in threads:
        thread.start()
    try:
        served = [asked_with_patience(client, f"n{number}.n.test", listener) for number in range(50)]
    finally:
        over.set()
        bench.loop.stop()
        for thread in threads:
            thread.join()

    assert served == [SPLASH] * 50


def asked_with_patience(client: socket.socket, name: str, server: tuple[str, int]) -> str | None:
    """The address, asked for as a stub resolver does: again after a second."""
    query = DNSRecord.question(name)
    for _ in range(5):
        client.sendto(query.pack(), server)
        with contextlib.suppress(TimeoutError):
            while True:
                answer = DNSRecord.parse(client.recv(4096))
                if answer.header.id == query.header.id and answer.q == query.q:
                    return str(answer.a.rdata)
    return None


# -------------------------------------------------------------------------------------------------------------- workers


class TwoWorkers(Daemon):
    """A whole filterd with two DNS workers, and a wall clock that can be stepped."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._step = folder / "step"
        self.step(0)
        shim = folder / "stepping.so"
        source = Path(__file__).parents[1] / "support" / "system" / "stepping.c"
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", shim, source], check=True)
        self._preloaded = {"LD_PRELOAD": str(shim), "CLOCK_STEP": str(self._step)}

    def env(self, **more: str) -> dict[str, str]:
        return super().env(**self._preloaded, **more)

    def step(self, seconds: int) -> None:
        """Make the wall clock of all of its processes differ by so much from the true one."""
        with self._step.open("r+b" if self._step.exists() else "wb") as file:
            file.write(struct.pack("<q", seconds))

    def clock(self) -> float:
        """What its processes take for the time."""
        command = [sys.executable, "-c", "import time; print(time.time())"]
        return float(subprocess.run(command, env=self.env(), check=True, capture_output=True).stdout)

    def worker(self, index: int) -> dict[str, object]:
        return ask_blocking(self.folder / "run" / f"dns-{index}/worker.sock", "dns", {"op": "status"}, DEADLINE_S)

    def pid(self, index: int) -> int:
        return int(str(self.worker(index)["pid"]))

    def served(self, name: str) -> tuple[int, bytes | None] | None:
        """ask(), as a stub resolver does: a few times."""
        for _ in range(4):
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                return self.ask(name)
        return None

    def is_whole(self) -> bool:
        """Whether listed names are blocked and free ones answered, by whichever worker a port of ours leads to."""
        said = [(self.served(f"{number}.listed.test"), self.served(f"free{number}.test")) for number in range(16)]
        return said == [((RCODE.NOERROR, SPLASHED), (RCODE.NOERROR, UPSTREAM_ADDRESS))] * 16

    def _said(self) -> dict[str, Any]:
        said = super()._said()
        said["dns"]["workers"] = 2
        return said


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoWorkers]:
    daemon = TwoWorkers(tmp_path_factory.mktemp("faults"))
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.mark.services
def test_a_worker_killed_under_load_costs_nobody_an_answer_who_asks_again(daemon: TwoWorkers) -> None:
    killed, other = daemon.pid(0), daemon.pid(1)
    failed: list[str] = []

    def load(part: int) -> None:
        for number in range(150):
            name = f"{part}-{number}.{'listed' if number % 2 else 'free'}.test"
            said = daemon.served(name)
            if said != (RCODE.NOERROR, SPLASHED if number % 2 else UPSTREAM_ADDRESS):
                failed.append(f"{name}: {said}")

    threads = [threading.Thread(target=load, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    os.kill(killed, signal.SIGKILL)
    for thread in threads:
        thread.join()

    assert failed == []
    assert daemon.pid(1) == other
    eventually(lambda: is_back(daemon, killed), "the killed worker to be started again")
    assert daemon.is_whole()


def is_back(daemon: TwoWorkers, killed: int) -> bool:
    with contextlib.suppress(Exception):
        return daemon.pid(0) != killed
    return False


@pytest.mark.services
def test_a_worker_without_descriptors_answers_over_udp_and_takes_tcp_again_later(daemon: TwoWorkers) -> None:
    pids = [daemon.pid(0), daemon.pid(1)]
    before = [resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids]
    for pid, (_, hard) in zip(pids, before, strict=True):
        highest = max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 4, hard))
    try:
        with ExitStack() as stack:
            for _ in range(64):
                stack.enter_context(socket.create_connection(("127.0.0.1", daemon.dns), 5))
            eventually(lambda: "Too many open files" in daemon.log(), "the fault")
            assert daemon.is_whole()
    finally:
        for pid, limits in zip(pids, before, strict=True):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    eventually(lambda: over_tcp(daemon, b"listed.test"), "an answer over TCP")
    assert daemon.is_whole()
    assert [daemon.pid(0), daemon.pid(1)] == pids


def over_tcp(daemon: TwoWorkers, name: bytes) -> bool:
    query = question(name)
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", daemon.dns), 5) as asking:
        asking.sendall(len(query).to_bytes(2, "big") + query)
        return bool(DNSRecord.parse(asking.recv(4096)[2:]).header.rcode == RCODE.NOERROR)
    return False


@pytest.mark.services
@pytest.mark.parametrize("seconds", [DAY_S, -DAY_S, 400 * DAY_S])
def test_a_step_of_the_wall_clock_stops_nothing(daemon: TwoWorkers, seconds: int) -> None:
    pids = [daemon.pid(0), daemon.pid(1)]
    try:
        daemon.step(seconds)
        assert abs(daemon.clock() - time.time() - seconds) < DEADLINE_S
        assert daemon.is_whole()
    finally:
        daemon.step(0)

    assert daemon.is_whole()
    assert [daemon.pid(0), daemon.pid(1)] == pids
