"""A million lines: what control holds of them, how long a base takes, a tap, and a minute at which many lock.

One box with DNS workers, its database filled with BENCH_LINES lines (1,000,000), each with an IPv4 address, a /56 and a
schedule; the database stays in the folder for temporary files, as filling it takes a minute.

    control_1m_mib   resident memory of control, once everything is in force
    octets_a_line    of both base images
    base_1m_s        of the job that writes both bases, beside nothing else
    first_answer_s   from the start of all roles to the first answer of a worker, the images being there
    tap_p99_ms       from the committed row to the last worker's receipt, 10,000 changes outstanding and a base being
                     written; tap_quiet_p99_ms: with neither; first_tap_ms: after a start, of what is read for the first
                     time then
    portal_tap_p99_ms  the same as a parent has it: from the button of the family page to the answer that leads to the
                     receipt, beside a base, too
    storm_*_ms       a minute at which 100,000 lines, or all, lock: from the database to the kernel's sets (root)
    *_cpu_*          the same in CPU time, which other work on the machine changes less: of the job, of control for a
                     tap, of the process that sets the kernel's sets

Goals: 300 MB, 120 octets, 10 s, 3 s, 50 ms, 200 ms, 500 ms and 5 s.
"""

import contextlib
import functools
import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import Engine
from support.system.namespace import a_network_of_its_own

from bench.appliance import START_S, Appliance
from bench.flood import free_port
from bench.portal import Browser, form_of
from fastpath.wire.name import to_wire
from filterd.box.places import IMAGES, database_file
from filterd.control.lock_enforcer import LockKeeper
from filterd.kernel.firewall import Kernel
from filterd.kernel.ruleset import Rules
from parental.policy.profiles import pause, resume
from parental.store.database import opened, writing
from parental.store.revision import REVISION, raise_revision
from parental.store.revisions import find_revision

N_LINES = int(os.environ.get("BENCH_LINES", "1000000"))
N_STORM = N_LINES // 10
N_OUTSTANDING = N_LINES // 100
N_WORKERS = 2
PARTS = os.environ.get("BENCH_PARTS", "storms taps").split()
LISTED = "listed.test"
TAPS = 150
SEE_OTHER = 303
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
FIRST4, FIRST6 = 100 << 24 | 64 << 16, 0x20010DB8 << 96
BED_TIMES = 20
CATEGORIES = ("adult", "gambling")


def rows_of_lines() -> dict[str, Iterator[tuple[object, ...]]]:
    """All rows of the database by their statement."""
    numbers = range(1, N_LINES + 1)
    return {
        "INSERT INTO accounts (id) VALUES (?)": ((n,) for n in numbers),
        "INSERT INTO profiles (id, account, zone, paused_until_s, revision) VALUES (?, ?, 'UTC', 0, 1)": (
            (n, n) for n in numbers
        ),
        "INSERT INTO lines (id, label, account, profile) VALUES (?, 'line', ?, ?)": ((n, n, n) for n in numbers),
        "INSERT INTO addresses (version, first, last, prefix_length, line) VALUES (4, ?, ?, 32, ?)": (
            ((FIRST4 + n).to_bytes(4), (FIRST4 + n).to_bytes(4), n) for n in numbers
        ),
        "INSERT INTO addresses (version, first, last, prefix_length, line) VALUES (6, ?, ?, 56, ?)": (
            ((FIRST6 + (n << 72)).to_bytes(16), (FIRST6 + (n + 1 << 72) - 1).to_bytes(16), n) for n in numbers
        ),
        "INSERT INTO closed_intervals (profile, weekday, start_minute, minutes) VALUES (?, ?, ?, ?)": (
            row for n in numbers for row in intervals_of(n)
        ),
        "INSERT INTO blocked_categories (profile, category) VALUES (?, ?)": (
            (n, name) for n in numbers for name in CATEGORIES[: n % 4 // 2]
        ),
        "INSERT INTO dns_wishes (profile, safe_search, canaries, youtube) VALUES (?, 'strict', 1, 'off')": (
            (n,) for n in numbers[::10]
        ),
    }


def intervals_of(number: int) -> Iterator[tuple[int, int, int, int]]:
    """Monday 12:01 for one in ten, Monday 13:01 for all, and for four in ten a bed time every day."""
    if number <= N_STORM:
        yield number, 0, 12 * 60 + 1, 10
    yield number, 0, 13 * 60 + 1, 10
    if number % 10 < 4:
        for day in range(7):
            yield number, day, 20 * 60 + number % BED_TIMES * 5, 600


def filled(folder: Path) -> Path:
    """A database with all lines, which an earlier run may have made."""
    draft = folder / "draft.db"
    with opened(draft) as engine, writing(engine) as conn:
        raise_revision(conn, REVISION)
        schema = find_revision(conn).revision
    path = Path(tempfile.gettempdir(), f"filterd-bench-people-{N_LINES}-{schema}.db")
    if not path.exists():
        with contextlib.closing(sqlite3.connect(draft)) as raw, raw:
            raw.execute("PRAGMA synchronous = OFF")
            for statement, rows in rows_of_lines().items():
                raw.executemany(statement, rows)
        with contextlib.closing(sqlite3.connect(draft)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.move(draft, path)
    return path


def resident_mib(pid: int) -> float:
    """Of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"people: process {pid} has no memory; not measured; read the log")


def took_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def took(name: str, work: Callable[[], object]) -> dict[str, float]:
    """Milliseconds by the clock, and of CPU time of this process and of what it has waited for."""
    began = cpu_s()
    return {f"{name}_ms": took_ms(work), f"{name}_cpu_ms": (cpu_s() - began) * 1e3}


def cpu_s() -> float:
    return sum(os.times()[:4])


def cpu_of_s(pid: int) -> float:
    """CPU time of another process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compile_base(appliance: Appliance, niceness: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "filterd", "compile", "--config", str(appliance.config), "--people", "base"]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(["nice", "-n", str(niceness), *command], env=env)


def tap_ms(appliance: Appliance, engine: Engine, number: int, change: Callable[..., None]) -> float:
    """From the committed row to the last worker."""
    with writing(engine) as conn:
        change(conn, number)
    began = time.perf_counter()
    receipt = appliance.control({"op": "policy_changed"})
    refused = [ack["refused"] for ack in receipt["acks"] if ack["refused"]]
    if refused or len(receipt["acks"]) != N_WORKERS:
        raise RuntimeError(f"people: {refused or receipt}; not measured; look at the log")
    return (time.perf_counter() - began) * 1e3


def taps(appliance: Appliance, engine: Engine, n: int, beside: Callable[[], None] = lambda: None) -> list[float]:
    """Milliseconds of pauses and resumes in turn.   beside  is called before each pair of them"""
    found = []
    for number in range(1, n + 1):
        beside()
        found.append(tap_ms(appliance, engine, number, functools.partial(pause, until=None)))
        found.append(tap_ms(appliance, engine, number, resume))
    return found


@contextlib.contextmanager
def base_beside(appliance: Appliance) -> Iterator[Callable[[], None]]:
    """keep() has a base written at any time, one after the other."""
    jobs = [compile_base(appliance, 10)]

    def keep() -> None:
        if jobs[-1].poll() is not None:
            jobs.append(compile_base(appliance, 10))

    yield keep
    jobs[-1].wait()


def portal_taps(appliance: "Asked", n: int, beside: Callable[[], None]) -> list[float]:
    """Milliseconds of a parent's pauses and undos in turn, by the family page."""
    with contextlib.closing(Browser(appliance)) as browser:
        browser.sign_in(appliance.parent_of(1))
        found: list[float] = []
        for _ in range(n):
            beside()
            said = form_of(browser.get("/family?lang=en"))  # of a page of its own: a form does nothing twice
            found += (took_ms(functools.partial(_tapped, browser, way, said)) for way in ("pause", "undo"))
    return found


def _tapped(browser: Browser, way: str, said: dict[str, str]) -> None:
    if (status := browser.post(f"/family/{way}?lang=en", said)) != SEE_OTHER:
        raise RuntimeError(f"people: {status} for {way}; not measured; look at the log")


def percentile(came: list[float]) -> float:
    return statistics.quantiles(came, n=100)[98]


def outstanding(engine: Engine, change: Callable[..., None]) -> None:
    with writing(engine) as conn:
        for number in range(N_LINES - N_OUTSTANDING, N_LINES):
            change(conn, number)


def measure_taps(appliance: "Asked", engine: Engine) -> dict[str, float]:
    found = {"first_tap_ms": taps(appliance, engine, 1)[0]}
    before = cpu_of_s(appliance.pids[0])
    quiet = taps(appliance, engine, TAPS)
    found |= {"tap_quiet_p99_ms": percentile(quiet), "tap_quiet_median_ms": statistics.median(quiet)}
    found["tap_quiet_cpu_ms"] = (cpu_of_s(appliance.pids[0]) - before) * 1e3 / len(quiet)
    outstanding(engine, functools.partial(pause, until=None))
    found["bulk_10000_ms"] = took_ms(lambda: appliance.control({"op": "policy_changed"}))
    time.sleep(10)  # the delta is written by then
    with base_beside(appliance) as beside:
        before = cpu_of_s(appliance.pids[0])
        came = taps(appliance, engine, TAPS, beside)
        found["tap_cpu_ms"] = (cpu_of_s(appliance.pids[0]) - before) * 1e3 / len(came)
        by_page = portal_taps(appliance, TAPS, beside)
    found |= {"tap_p99_ms": percentile(came), "tap_median_ms": statistics.median(came)}
    found |= {"portal_tap_p99_ms": percentile(by_page), "portal_tap_median_ms": statistics.median(by_page)}
    outstanding(engine, resume)
    appliance.control({"op": "policy_changed"})
    return found


def measure_storms(engine: Engine) -> dict[str, float]:
    """In a network of its own."""
    found: dict[str, float] = {}
    with a_network_of_its_own() as call, contextlib.closing(Kernel()) as kernel:
        keeper = LockKeeper(engine, kernel)
        found |= took("keeper_install", lambda: call(keeper.install, Rules(dns_port=5300), NOON))
        for name, minute in (
            ("storm_100k", 1),
            ("storm_100k_end", 11),
            ("storm_1m", 61),
            ("storm_1m_end", 71),
        ):
            found |= took(name, lambda minute=minute: call(keeper.refresh, NOON + timedelta(minutes=minute)))
    return found


class Asked(Appliance):
    """Is up with its first answer, and has family pages."""

    def __init__(self, folder: Path, listed: Iterable[str], workers: int) -> None:
        super().__init__(folder, listed, workers)
        self.api, self.also = free_port(), ("web",)
        said = json.loads(self.config.read_text())
        said["api"] = {"listen": [f"127.0.0.1:{self.api}"], "cleartext": True}
        self.config.write_text(json.dumps(said))

    def parent_of(self, line: int) -> str:
        """The token of a parent."""
        command = [sys.executable, "-P", "-m", "filterd", "token", "parent", "--subscriber", str(line)]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run([*command, "--config", str(self.config)], env=env, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def _wait(self) -> None:
        asked = b"\0\1\1\0\0\1\0\0\0\0\0\0" + to_wire(LISTED.encode()) + b"\0\1\0\1"
        deadline = time.monotonic() + START_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.02)
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    client.sendto(asked, ("127.0.0.1", self.port))
                    client.recv(512)
                    return
        raise TimeoutError(f"{self.folder}/log: no answer came; stopped; read it")


def started_s(appliance: Appliance) -> float:
    """From the start of all roles until it is up."""
    began = time.perf_counter()
    with appliance.running():
        return time.perf_counter() - began


def octets_of_base(images: Path) -> int:
    said = json.loads((images / "people-base.json").read_bytes())
    return sum((images / said[kind]).stat().st_size for kind in ("subscribers", "policy"))


def figures() -> dict[str, float]:
    found: dict[str, float] = {"lines": N_LINES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        appliance = Asked(folder, [LISTED], N_WORKERS)
        appliance.state.mkdir()
        shutil.copyfile(filled(folder), database_file(appliance.state))
        with opened(database_file(appliance.state)) as engine:
            if os.geteuid() == 0 and "storms" in PARTS:
                found |= measure_storms(engine)
            if "taps" not in PARTS:
                return found
            found["start_without_images_s"] = started_s(appliance)
            base = took("base", lambda: compile_base(appliance).wait())
            found |= {"base_1m_s": base["base_ms"] / 1e3, "base_1m_cpu_s": base["base_cpu_ms"] / 1e3}
            found["octets_a_line"] = octets_of_base(appliance.state / IMAGES) / N_LINES
            found["first_answer_s"] = started_s(appliance)
            with appliance.running():
                Appliance._wait(appliance)
                found["control_1m_mib"] = resident_mib(appliance.pids[0])
                found |= measure_taps(appliance, engine)
                found["control_after_mib"] = resident_mib(appliance.pids[0])
    return found


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:26} {value:,.2f}")
