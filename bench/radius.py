"""Sessions by RADIUS accounting: what hearing them costs, how soon they count, and how they come back.

radius_share          of one core at 2,000 requests a second, by the CPU time of the role radius: nine of ten are
                      updates with nothing new, the others begin or end sessions.   Goal: ≤ 0.3
radius_start_share    the same where each request begins a session
radius_visible_ms     from a start's first octet to the first answer that knows it, of a worker.  Median.  Goal: ≤ 100
radius_visible_p95_ms
sessions_lost         sessions that were answered and are not there after the role was killed.   Goal: 0
sessions_back_s       a million sessions from the disk to images in force, by CPU time.   Goal: ≤ 3
sessions_octets       memory of the process that holds them, of one
sessions_base_s       their snapshot and base image, written by a job, by CPU time
"""

import json
import multiprocessing
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.sessions.box import RadiusBox
from support.sessions.requests import INTERIM, SECRET, START, STOP, told
from support.system.daemon import eventually

from filterd.config.radius import Nas
from filterd.radius.compaction import compact
from filterd.radius.images import SessionImages
from filterd.radius.journal import Journal, read_back, write_snapshot
from filterd.radius.nas import NasTable
from parental.sessions.record import LIVES, Session
from parental.sessions.table import SessionTable

PER_S = 2000
N_REQUESTS = 20_000
N_LIVING = 20_000
AT_ONCE = 100
N_VISIBLE = 60
N_KILLED = 400
MILLION = int(os.environ.get("BENCH_SESSIONS", "1000000"))
TAIL = MILLION // 50  # records since the snapshot


def measured() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as box:
        found = {**shares(box), **visible_ms(box), **lost(box)}
    return found | of_a_million()


@contextmanager
def running(folder: Path) -> Iterator[RadiusBox]:
    box = RadiusBox(folder)
    box.start()
    try:
        box.line(7, "flat3")
        yield box
    finally:
        box.stop()


def shares(box: RadiusBox) -> dict[str, float]:
    now = int(time.time())
    starts = [told(START, f"s{n}", "flat3", at_s=now, prefix=prefix(n)) for n in range(N_LIVING)]
    begun_s = cpu_s(box, starts)
    mixed = [mix(n, now + 1) for n in range(N_REQUESTS)]
    mixed_s = cpu_s(box, mixed)
    return {
        "radius_share": mixed_s / len(mixed) * PER_S,
        "radius_start_share": begun_s / len(starts) * PER_S,
    }


def mix(n: int, at_s: int) -> bytes:
    """Nine updates, then a stop and a start in turn."""
    if n % 10:
        return told(INTERIM, f"s{n}", "flat3", at_s=at_s, prefix=prefix(n), lasted_s=1)
    if n % 20:
        return told(STOP, f"s{n}", "flat3", at_s=at_s)
    return told(START, f"t{n}", "flat3", at_s=at_s, prefix=prefix(N_LIVING + n))


def prefix(n: int) -> str:
    return f"2001:db8:{n >> 8:x}:{(n & 255) << 8:x}::/56"


def cpu_s(box: RadiusBox, requests: list[bytes]) -> float:
    """CPU time that the role takes for these requests, PER_S of them a second."""
    began, clock = time.monotonic(), cpu_of(box.pid_of("radius"))
    for at in range(0, len(requests), AT_ONCE):
        part = requests[at : at + AT_ONCE]
        for request in part:
            box.heard.sendto(request, ("127.0.0.1", box.radius))
        for _ in part:
            box.heard.settimeout(10)
            box.heard.recv(4096)
        time.sleep(max(0.0, began + (at + AT_ONCE) / PER_S - time.monotonic()))
    return cpu_of(box.pid_of("radius")) - clock


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def visible_ms(box: RadiusBox) -> dict[str, float]:
    times = []
    for n in range(N_VISIBLE):
        began = time.monotonic()
        box.tell(START, f"v{n}", "flat3", address=f"192.0.2.{100 + n}")
        while not box.is_blocked(f"192.0.2.{100 + n}"):
            time.sleep(0.001)
        times.append((time.monotonic() - began) * 1000)
        time.sleep(0.05)
    return {
        "radius_visible_ms": statistics.median(times),
        "radius_visible_p95_ms": sorted(times)[int(0.95 * len(times))],
    }


def lost(box: RadiusBox) -> dict[str, float]:
    before, answered = box.sessions()["sessions"], 0
    for n in range(N_KILLED):
        if n == N_KILLED - 50:
            os.kill(box.pid_of("radius"), signal.SIGKILL)
        is_last = n >= N_KILLED - 50
        request = told(START, f"k{n}", "flat3", at_s=int(time.time()), prefix=prefix(2 * N_LIVING + n))
        answered += box.send(request, 0.02 if is_last else 10.0) is not None
    eventually(lambda: box.run("sessions", "count", "--config", str(box.config)).returncode == 0, "the role again")
    return {"sessions_lost": max(0, before + answered - box.sessions()["sessions"])}


def of_a_million() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "secret").write_bytes(SECRET)
        base_s = in_a_process(write_million, folder)
        back_s, octets = in_a_process(bring_back, folder)[0], in_a_process(bring_back, folder)[1]
    return {"sessions_back_s": back_s, "sessions_octets": octets / MILLION, "sessions_base_s": base_s[0]}


def in_a_process(work: object, folder: Path) -> tuple[float, float]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(folder, theirs))  # type: ignore[arg-type]
    process.start()
    found: tuple[float, float] = ours.recv()
    process.join()
    return found


def record(n: int) -> bytes:
    """A session with an address of 10.0.0.0/8 and a /56."""
    six = b"\x38" + bytes((0x20, 1, 0x0D, 0xB8)) + n.to_bytes(3, "big") + bytes(9)
    slots = b"\x20" + (0x0A000000 + n).to_bytes(4, "big"), b"", six, b""
    key, who = n.to_bytes(16, "big"), n.to_bytes(16, "little")
    return Session(LIVES, key, bytes(8), who, n + 1, 100, 100, slots).packed()


def nas(folder: Path) -> NasTable:
    return NasTable([Nas(name="bng", address="127.0.0.1", secret=folder / "secret", pools=("10.0.0.0/8",))])


def write_million(folder: Path, told_to: Connection) -> None:
    """A snapshot, the base that a job makes of it, and a journal since."""
    table = SessionTable()
    for n in range(MILLION):
        table.load(record(n))
    write_snapshot(folder, 1, table)
    del table
    images = SessionImages(folder / "images", lambda _: None)
    base = images.next_base()
    began = time.process_time()
    compact(folder, 2, base, nas(folder), 0)
    took_s = time.process_time() - began
    images.use_base(base, 2, nas(folder).digest)
    images.publish({})
    Journal(folder, 2).append(record(MILLION + n) for n in range(TAIL))
    told_to.send((took_s, 0.0))


def bring_back(folder: Path, told_to: Connection) -> None:
    """What the role does at its start."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    table, number, _ = read_back(folder)
    images = SessionImages(folder / "images", nas(folder).default_of)
    assert len(table) == MILLION + TAIL and images.has_base(number, nas(folder).digest)
    images.publish(table.take_changes().holders)
    took_s = time.process_time() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told_to.send((took_s, (after - before) * 1024.0))


if __name__ == "__main__":
    print(json.dumps(measured()))  # by this name the million's processes find their functions
