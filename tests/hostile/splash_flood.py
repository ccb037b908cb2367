"""Strangers keep the pages busy: 1,000 slow connections, and 100 bodies of 16 MiB before any sign-in.

The splash must show its page to everybody else within 50 ms (99 of 100), and hold at most 256 MB.
"""

import contextlib
import http.client
import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from support.system.daemon import Daemon

N_SLOW = 1000
N_BODIES = 100
BODY_OCTETS = 16 << 20
N_VISITS = 1000
VISITOR = ("127.0.9.9", 0)  # no household of an attacker: those lose their own places
LIMIT_S = 0.05
LIMIT_OCTETS = 256 << 20
PIECE = b"x" * (1 << 16)


def drill(folder: Path) -> str:
    """Run it; one line of figures.   Raises AssertionError where a limit is passed."""
    with _running(folder) as daemon:
        calm = _visits(daemon, 100)
        # A process of their own: their work must not count as the visitor's waiting.
        attackers = multiprocessing.get_context("spawn").Process(target=_attack, args=(daemon.splash, daemon.api))
        attackers.start()
        time.sleep(2.0)
        try:
            seen = _visits(daemon, N_VISITS)
        finally:
            attackers.terminate()
            attackers.join()
        held = {role: _held(daemon, role) for role in ("splash-0", "web-0")}
    line = (
        f"splash: p50 {_ms(seen, 0.5)} ms, p99 {_ms(seen, 0.99)} ms of {N_VISITS} visits (calm: {_ms(calm, 0.99)} ms) "
        f"with {N_SLOW} slow connections and {N_BODIES} bodies of 16 MiB at splash and API each; "
        f"splash {held['splash-0'] >> 20} MiB, web {held['web-0'] >> 20} MiB at most"
    )
    assert sorted(seen)[int(N_VISITS * 0.99)] <= LIMIT_S and max(held.values()) <= LIMIT_OCTETS, line
    return line


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[Daemon]:
    daemon = Daemon(folder)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def _visits(daemon: Daemon, n: int) -> list[float]:
    """Seconds of n visits, one after the other, each on a connection of its own."""
    times = []
    for _ in range(n):
        begun = time.perf_counter()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.splash, 20, VISITOR)) as visit:
            visit.request("GET", "/", headers={"Host": "listed.test"})
            answer = visit.getresponse()
            answer.read()
        times.append(time.perf_counter() - begun)
        assert answer.status == 451
        time.sleep(0.005)
    return times


def _attack(splash: int, api: int) -> None:
    # Attackers have machines of their own: they get what the box under attack leaves of this one.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(15)
    over = threading.Event()  # never set: this process is ended from outside
    for port in (splash, api):
        threading.Thread(target=_push, args=(port, over), daemon=True).start()
    _trickle(splash, over)


def _trickle(port: int, over: threading.Event) -> None:
    """Hold N_SLOW connections from many addresses, one octet a second each; those that are ended begin anew."""
    slow: list[socket.socket | None] = [None] * N_SLOW
    while not over.is_set():
        for at in range(N_SLOW):
            try:
                opened = slow[at]
                if opened is None:
                    opened = slow[at] = socket.socket()
                    opened.bind((f"127.0.{1 + at // 200}.{1 + at % 200}", 0))
                    opened.settimeout(1)
                    opened.connect(("127.0.0.1", port))
                    opened.send(b"GET / HTTP/1.1\r\nHost: slow.test\r\nX-Slow: ")
                else:
                    opened.send(b"x")
            except OSError:
                if (ended := slow[at]) is not None:
                    ended.close()
                slow[at] = None
        over.wait(1.0)
    for opened in slow:
        if opened is not None:
            opened.close()


def _push(port: int, over: threading.Event) -> None:
    """Send N_BODIES bodies at a time, each as fast as it is taken; what is refused begins anew."""
    while not over.is_set():
        with contextlib.ExitStack() as opened:
            bodies = []
            for _ in range(N_BODIES):
                body = opened.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                body.setblocking(False)
                head = b"POST /v1/orders HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % BODY_OCTETS
                with contextlib.suppress(OSError):
                    body.send(head)
                bodies.append(body)
            while bodies and not over.is_set():
                bodies = [body for body in bodies if _sends(body)]
                over.wait(0.01)


def _sends(body: socket.socket) -> bool:
    try:
        body.send(PIECE)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def _held(daemon: Daemon, role: str) -> int:
    """The most that a role has had resident, in octets."""
    pid = (daemon.folder / "run" / f"{role}.pid").read_text().strip()
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) << 10


def _ms(times: list[float], share: float) -> str:
    return f"{sorted(times)[int(len(times) * share)] * 1000:.1f}"
