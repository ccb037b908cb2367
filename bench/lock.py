"""Lines locked while a download of one of them runs: milliseconds from the call to the last octet, among 100,000.

In the laboratory's network: a server sends a thousand octets every third of a millisecond through the gateway; the
client notes when it has received something. `last_ms` counts from the beginning of the call to the last octet of the
client, whose line is among those that are locked; `ms` is the call alone. Others are locked already, as many as the key
says. Server and client have a core of their own, so that what stops them is the lock.

`line` has one address, in a hash set; `wide` are /24, in an interval set.  `nft` replaces the set by the program, as
filterd once did.  `keeper` is all of it, from the database: a tap among 100,000 subscribers, and 100,000 schedules that
begin at one minute.  `forget` drops 10,000 lines' connections among 100,000, and one line's; conntrack(8) does one.
Goals: one line ≤ 5 ms to the last octet, 10,000 ≤ 20 ms, 100,000 ≤ 200 ms; unlocking the same.
"""

import contextlib
import functools
import mmap
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyroute2 import netns
from sqlalchemy import Engine, insert

from filterd.control.lock_enforcer import LockKeeper
from filterd.kernel.conntrack import n_tracked
from filterd.kernel.firewall import Kernel
from filterd.kernel.ruleset import Rules
from filterd.lab.processes import wait_until
from filterd.lab.topology import Lab, lab
from parental.policy.subscribers import pause, resume
from parental.store.database import opened, writing
from parental.store.revision import raise_revision
from parental.store.schema.lines import addresses, closed_intervals, profiles
from parental.store.schema.lines import lines as rows
from parental.store.schema.people import accounts

ROUNDS = 15  # of what takes a few milliseconds
STORMS = 3
MANY, ALL = 10_000, 100_000
SILENCE_S = 0.03  # a hundred times the distance between two packets of the download
PORT = 5001
CORES = os.sched_getaffinity(0)
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)

SERVER = """
import os, socket, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
listening = socket.create_server((sys.argv[2], int(sys.argv[3])))
while True:
    one, _ = listening.accept()
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            one.send(bytes(1000))
            time.sleep(0.00025)
    except OSError:
        one.close()
"""
CLIENT = """
import mmap, os, socket, struct, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
with open(sys.argv[4], "r+b") as file:
    noted = mmap.mmap(file.fileno(), 8)
while True:
    try:
        one = socket.create_connection((sys.argv[2], int(sys.argv[3])), 0.2)
        while one.recv(65536):
            struct.pack_into("=d", noted, 0, time.monotonic())
    except OSError:
        time.sleep(0.005)
"""


class Watched:
    """A download of the child's through the gateway.   It begins anew by itself when it is let."""

    def __init__(self, place: Lab, folder: Path) -> None:
        file = folder / "last"
        file.write_bytes(bytes(8))
        with file.open("rb") as opened_file:
            self._noted = mmap.mmap(opened_file.fileno(), 8, prot=mmap.PROT_READ)
        arguments = [str(max(CORES)), place.addresses.web4, str(PORT)]
        place.popen("internet", [sys.executable, "-c", SERVER, *arguments], "sending")
        place.popen("child", [sys.executable, "-c", CLIENT, *arguments, str(file)], "receiving")
        self.wait()

    def last(self) -> float:
        return float(struct.unpack_from("=d", self._noted, 0)[0])

    def wait(self) -> None:
        """Wait until octets come."""
        began = time.monotonic()
        wait_until(lambda: self.last() > began, "the download")
        time.sleep(SILENCE_S)

    def last_after(self, began: float) -> float:
        """Milliseconds from `began` to the last octet, once no more come."""
        wait_until(lambda: time.monotonic() - self.last() > SILENCE_S, "the end of the download")
        return max(0.0, (self.last() - began) * 1e3)


def lines(n: int, first: int = 0x0A000000) -> list[IPv4Network]:
    """Addresses with gaps between them, so that no two are one interval."""
    return [IPv4Network((first + 2 * number, 32)) for number in range(n)]


def nets(n: int, first: int = 0x14000000) -> list[IPv4Network]:
    return [IPv4Network((first + 512 * number, 24)) for number in range(n)]


def took_ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


def nft_replace(prefixes: Sequence[IPv4Network]) -> None:
    """What filterd once did at every lock."""
    text = ", ".join(map(str, prefixes))
    rules = f"flush set inet filterd locked4\nadd element inet filterd locked4 {{ {text} }}\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


class Locking:
    """What is measured inside the gateway."""

    def __init__(self, kernel: Kernel, watched: Watched, child: IPv4Network) -> None:
        self.kernel, self.watched, self.child = kernel, watched, child

    def storm(self, others: Sequence[IPv4Network], rounds: int) -> dict[str, float]:
        """Lock and unlock the child together with others: medians, and the worst last octet."""
        came: list[tuple[float, float, float]] = []
        for _ in range(rounds):
            self.watched.wait()
            began = time.monotonic()
            locked_ms = took_ms(lambda: self.kernel.change_locked([*others, self.child], []))
            last_ms = self.watched.last_after(began)
            came.append((locked_ms, last_ms, took_ms(lambda: self.kernel.change_locked([], [*others, self.child]))))
        locked, last, unlocked = (statistics.median(column) for column in zip(*came, strict=True))
        return {"ms": locked, "last_ms": last, "last_worst_ms": max(row[1] for row in came), "unlock_ms": unlocked}

    def program(self, held: Sequence[IPv4Network]) -> dict[str, float]:
        """The same for one line by the nft program, as many others being locked."""
        came = []
        for _ in range(STORMS):
            nft_replace(held)
            self.watched.wait()
            began = time.monotonic()
            came.append((took_ms(lambda: nft_replace([*held, self.child])), self.watched.last_after(began)))
        nft_replace(held[:1])
        return {"ms": statistics.median(row[0] for row in came), "last_ms": statistics.median(row[1] for row in came)}


def measure_sets(locking: Locking) -> dict[str, float]:
    kernel, found = locking.kernel, {}
    kernel.set_locked([])
    found["line_1_among_0"] = locking.storm([], ROUNDS)
    kernel.set_locked(lines(ALL))
    found["line_1_among_100000"] = locking.storm([], ROUNDS)
    found["line_10000_among_100000"] = locking.storm(lines(MANY, 0x0B000000), STORMS)
    found["line_100000_among_100000"] = locking.storm(lines(ALL, 0x0B000000), STORMS)
    kernel.set_locked(nets(ALL))
    found["wide_1_among_100000"] = locking.storm([IPv4Network("192.0.2.192/26")], ROUNDS)
    found["wide_10000_among_100000"] = locking.storm(nets(MANY, 0x1C000000), STORMS)
    found["nft_1_among_0"] = locking.program(nets(1))
    found["nft_1_among_100000"] = locking.program(nets(ALL))
    return {f"{name}_{key}": value for name, values in found.items() for key, value in values.items()}


def put_many(engine: Engine, n: int) -> None:
    """Subscribers in bulk, each with one address and a schedule that closes Monday noon and a minute."""
    with writing(engine) as conn:
        revision = raise_revision(conn, "parental")
        numbers = range(1, n + 1)
        open_now = {"zone": "UTC", "paused_until_s": 0, "revision": revision}
        conn.execute(insert(accounts), [{"id": n} for n in numbers])
        conn.execute(insert(profiles), [{"id": n, "account": n} | open_now for n in numbers])
        conn.execute(insert(rows), [{"id": n, "label": "line", "account": n, "profile": n} for n in numbers])
        held = ((number, prefix.network_address.packed) for number, prefix in zip(numbers, lines(n), strict=True))
        fixed = {"version": 4, "prefix_length": 32}
        conn.execute(insert(addresses), [fixed | {"line": each, "first": at, "last": at} for each, at in held])
        closing = {"weekday": NOON.weekday(), "start_minute": 12 * 60 + 1, "minutes": 60}
        conn.execute(insert(closed_intervals), [{"profile": number} | closing for number in numbers])


def measure_keeper(engine: Engine, kernel: Kernel) -> dict[str, float]:
    """All of it: database, schedules, kernel, connections."""
    put_many(engine, ALL)
    keeper = LockKeeper(engine, kernel)
    found = {"keeper_install_ms": took_ms(lambda: keeper.install(Rules(dns_port=5300), NOON))}
    taps: dict[str, list[float]] = {"pause": [], "resume": []}
    for number in range(1, ROUNDS + 1):
        for name, change in (("pause", functools.partial(pause, until=None)), ("resume", resume)):
            with writing(engine) as conn:
                change(conn, number)
            taps[name].append(took_ms(lambda: keeper.refresh(NOON)))
    for name, came in taps.items():
        found[f"keeper_{name}_among_100000_ms"] = statistics.median(came)
    found["keeper_schedules_100000_begin_ms"] = took_ms(lambda: keeper.refresh(NOON + timedelta(minutes=1)))
    found["keeper_schedules_100000_end_ms"] = took_ms(lambda: keeper.refresh(NOON + timedelta(minutes=61)))
    return found


def track(n: int) -> None:
    """Have the kernel track so many connections, each of another line."""
    program = "import socket, sys\none = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    program += f"for n in range({n}): one.sendto(b'x', (f'127.1{{n >> 16}}.{{n >> 8 & 255}}.{{n & 255}}', 9))"
    subprocess.run([sys.executable, "-c", program], check=True)


def measure_conntrack(kernel: Kernel) -> dict[str, float]:
    track(ALL)
    tracked = n_tracked()
    of_lines = [IPv4Network(f"127.10.{number >> 8}.{number & 255}") for number in range(1, MANY + 1)]
    n_cut: list[int] = []
    many_ms = took_ms(lambda: n_cut.append(kernel.cut(of_lines)))
    one_ms = took_ms(lambda: n_cut.append(kernel.cut([IPv4Network("127.10.100.1/32")])))
    argv = ["conntrack", "-D", "-f", "ipv4", "-s", "127.10.100.2"]
    program_ms = took_ms(lambda: subprocess.run(argv, check=False, capture_output=True))
    return {
        "tracked": tracked,
        "forget_10000_n": n_cut[0],
        "forget_10000_ms": many_ms,
        "forget_1_n": n_cut[1],
        "forget_1_ms": one_ms,
        "conntrack_1_one_side_ms": program_ms,
    }


@contextlib.contextmanager
def gateway(place: Lab) -> Iterator[ThreadPoolExecutor]:
    """A thread in the gateway's namespace, on the first core."""

    def enter() -> None:
        netns.setns(place.namespace("gateway"))
        os.sched_setaffinity(0, {min(CORES)})

    with ThreadPoolExecutor(1, initializer=enter) as inside:
        yield inside


def figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name, lab(Path(name)) as place, gateway(place) as inside:
        kernel = Kernel()
        inside.submit(kernel.apply, Rules(ports=(443,), dns_port=5300)).result()
        watched = Watched(place, Path(name))
        locking = Locking(kernel, watched, IPv4Network(place.addresses.child4))
        found: dict[str, float] = inside.submit(measure_sets, locking).result()
        place.programs.stop_all()
        with opened(Path(name) / "db") as engine, contextlib.closing(kernel):
            found |= inside.submit(measure_keeper, engine, kernel).result()
            return found | inside.submit(measure_conntrack, kernel).result()


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:44} {value:12,.2f}")
