"""The splash: pages a second of one core, and what a flood of requests does to a parent's tap.

    splash_per_s          pages of an order, each on a connection of its own, by the CPU time of the role splash alone:
                          what one core gives, on a machine with other work, too.   Goal: ≥ 2,000
    splash_control_per_s  questions about them by the CPU time of the role control
    splash_flood_per_s    requests a second that the flood of one client got answered
    splash_calm_tap_ms    the median tap (a pause by a parent over the API, to its receipt) without the flood
    splash_flood_tap_ms   the same with 2,000 requests a second of one client.   Goal: as without

Taps with and without the flood take turns, so that other work of the machine is in both.  A process of low priority
sends the flood: in life it has a machine of its own.   BENCH_ROUNDS=2: fewer turns.
"""

import http.client
import multiprocessing
import os
import selectors
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from json import dumps
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.system.daemon import Daemon, eventually

N_PAGES = 10_000
N_AT_ONCE = 32  # of one client; the splash gives it 64 places
FLOOD_PER_S = 2000
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "6"))
N_TAPS = 20  # of one turn
IP_BIND_ADDRESS_NO_PORT = 24  # <linux/in.h>; the socket module names it from Python 3.13 on
CHILD, LINE = "127.0.0.9", 7
REQUEST = b"GET / HTTP/1.1\r\nHost: listed.test\r\nAccept-Language: ur\r\n\r\n"


def splash_figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as daemon:
        return {**pages_per_s(daemon), **tap_ms(daemon)}


@contextmanager
def running(folder: Path) -> Iterator[Daemon]:
    daemon = Daemon(folder)
    daemon.start()
    try:
        eventually(lambda: daemon.ask("listed.test")[1] == bytes((192, 0, 2, 1)), "the list in force")
        yield daemon
    finally:
        daemon.stop()


def pages_per_s(daemon: Daemon) -> dict[str, float]:
    """N_PAGES from many addresses, none of which asks for more names than it may."""
    visit(daemon.splash, 500)
    before = cpu_s(daemon, "splash-0"), cpu_s(daemon, "control-0")
    visit(daemon.splash, N_PAGES)
    splash, control = (cpu_s(daemon, role) - was for role, was in zip(("splash-0", "control-0"), before, strict=True))
    return {"splash_per_s": N_PAGES / splash, "splash_control_per_s": N_PAGES / control}


def tap_ms(daemon: Daemon) -> dict[str, float]:
    parent = parent_of_a_line(daemon)
    tap(daemon, parent)
    calm, flooded, answered = list[float](), list[float](), list[float]()
    for _ in range(ROUNDS):
        calm += [tap(daemon, parent) for _ in range(N_TAPS)]
        with flood(daemon.splash) as count:
            time.sleep(0.5)
            began, before = time.monotonic(), count.value
            flooded += [tap(daemon, parent) for _ in range(N_TAPS)]
            answered.append((count.value - before) / (time.monotonic() - began))
    return {
        "splash_flood_per_s": statistics.mean(answered),
        "splash_calm_tap_ms": statistics.median(calm),
        "splash_flood_tap_ms": statistics.median(flooded),
    }


def parent_of_a_line(daemon: Daemon) -> str:
    """The token of a parent of LINE, which is made."""
    body = {"label": "home", "prefixes": ["192.0.2.77"], "categories": []}
    called(daemon, daemon.token("operator"), "PUT", f"/v1/subscribers/{LINE}", body)
    return daemon.token("parent", "--subscriber", str(LINE))


def tap(daemon: Daemon, token: str) -> float:
    """Milliseconds from a pause to its receipt; the line is resumed then."""
    began = time.perf_counter()
    called(daemon, token, "POST", f"/v1/subscribers/{LINE}/pause", {"minutes": 30})
    took_ms = (time.perf_counter() - began) * 1e3
    called(daemon, token, "POST", f"/v1/subscribers/{LINE}/resume", {})
    return took_ms


def called(daemon: Daemon, token: str, method: str, path: str, body: dict[str, object]) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", daemon.api, timeout=60)) as api:
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        api.request(method, path, dumps(body), head)
        answer = api.getresponse()
        said = answer.read()
        assert answer.status < 300, (path, answer.status, said)


def cpu_s(daemon: Daemon, role: str) -> float:
    """CPU time of all threads of a role, to the nanosecond (proc(5): schedstat)."""
    pid = (daemon.folder / "run" / f"{role}.pid").read_text().strip()
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


@contextmanager
def flood(port: int) -> Iterator["Synchronized[int]"]:
    """FLOOD_PER_S requests of one client, from another process; what it counts is answers."""
    spawn = multiprocessing.get_context("spawn")
    count: Synchronized[int] = spawn.Value("q", 0)
    flooding = spawn.Process(target=_flood, args=(port, count), daemon=True)
    flooding.start()
    try:
        eventually(lambda: count.value > 0, "the flood")
        yield count
    finally:
        flooding.terminate()
        flooding.join()


def _flood(port: int, count: "Synchronized[int]") -> None:
    os.nice(15)
    while True:
        began = time.monotonic()
        visit(port, FLOOD_PER_S // 10, (CHILD,))
        count.value += FLOOD_PER_S // 10
        time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))


def visit(port: int, n: int, clients: tuple[str, ...] = ()) -> None:
    """Get `n` pages, N_AT_ONCE at a time.   clients  whose addresses they come from, in turns; none: 200 of them"""
    clients = clients or tuple(f"127.0.1.{1 + number}" for number in range(200))
    waiting, begun, ended = selectors.DefaultSelector(), 0, 0
    with waiting:
        while ended < n:
            while begun < n and begun - ended < N_AT_ONCE:
                waiting.register(_sent(port, clients[begun % len(clients)]), selectors.EVENT_READ)
                begun += 1
            for key, _ in waiting.select(60.0):
                if not _read_on(key.fileobj):
                    waiting.unregister(key.fileobj)
                    ended += 1


def _sent(port: int, client: str) -> socket.socket:
    opened = socket.socket()
    opened.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    opened.bind((client, 0))
    opened.connect(("127.0.0.1", port))
    opened.sendall(REQUEST)
    opened.setblocking(False)
    return opened


def _read_on(opened: object) -> bool:
    """Read what has come; whether more may come."""
    assert isinstance(opened, socket.socket)
    try:
        came = opened.recv(65536)
    except OSError:  # reset: this client held too many places
        came = b""
    if not came:
        opened.close()
    return bool(came)


if __name__ == "__main__":
    for name, value in splash_figures().items():
        print(f"{name:24} {value:12,.2f}")
