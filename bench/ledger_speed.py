"""The ledger: how fast events are appended, and how fast a million of them is verified.

    events_per_s         appended with their changes, GROUP to a transaction, each transaction synced to the disk
    events_alone_per_s   the same, one to a transaction: what a single clerk's request costs
    verify_1m_s          `filterd audit verify` of a bundle of 1,000,000 events with a checkpoint a minute of them
    verify_1m_cpu_s      what it took of a core, where the machine does other work, too
    bundle_1m_s          making that bundle;   bundle_1m_bytes  its size

Goal: 2,000 events/s; 1 M verified in 20 s.   BENCH_EVENTS=100000: another ledger than of a million.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import Engine

from mgmt.ledger import store, verifier
from mgmt.ledger.bundle import page_of, plan_range
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import CONTROL, ORDERS, Actor, Event
from parental.store.database import opened, reading, writing

N_EVENTS = int(os.environ.get("BENCH_EVENTS", "1000000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
GROUP = 100  # what one letter, or a busy second of a desk, writes
PAGE, MINUTE = 5000, 500  # events of one transaction, and of one checkpoint, of the large ledger
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)


def ledger_figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return {**events_per_s(Path(folder)), **verify_1m_s(Path(folder))}


def events_per_s(folder: Path) -> dict[str, float]:
    """Appending, in groups and alone."""
    return {
        "events_per_s": _appended(folder / "groups.db", GROUP),
        "events_alone_per_s": _appended(folder / "alone.db", 1),
    }


def verify_1m_s(folder: Path) -> dict[str, float]:
    """Writing a bundle and verifying it, in a process of its own."""
    with opened(folder / "large.db") as engine:
        for first in range(0, N_EVENTS, PAGE):
            with writing(engine) as conn:
                store.append_all(conn, [_event(n) for n in range(first, first + PAGE)], NOON + timedelta(seconds=first))
        _sign(engine)
        began = time.monotonic()
        with reading(engine) as conn, (folder / "bundle").open("wb") as out:
            plan = plan_range(conn, 0, 1 << 53)
            out.write(plan.head)
            at = plan.first
            while at < plan.until:
                lines, at = page_of(conn, plan, at)
                out.write(lines)
        made_s = time.monotonic() - began
    began, before_s = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([sys.executable, "-I", verifier.__file__, str(folder / "bundle")], check=True, stdout=sys.stderr)
    took_s = time.monotonic() - began
    cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before_s
    octets = (folder / "bundle").stat().st_size
    return {"verify_1m_s": took_s, "verify_1m_cpu_s": cpu_s, "bundle_1m_s": made_s, "bundle_1m_bytes": octets}


def _sign(engine: Engine) -> None:
    """A checkpoint of every MINUTE events, and of all: as control would have made them while they came."""
    signer, tree = Signer(bytes(32), "bench.example/filterd-ledger"), verifier.Frontier()
    with writing(engine) as conn:
        store.put_key(conn, signer.vkey, NOON, CONTROL)
        size = store.size(conn)
        for leaf in list(store.iter_leaves(conn, 0, size)):
            tree.add(leaf)
            if tree.size % MINUTE == 0 or tree.size == size:
                store.put_checkpoint(conn, tree.size, signer.sign(tree.size, tree.root()), NOON)


def _appended(path: Path, group: int) -> float:
    n, give_up = 0, time.monotonic() + SECONDS
    with opened(path) as engine:
        while time.monotonic() < give_up:
            with writing(engine) as conn:
                store.append_all(conn, [_event(n + each) for each in range(group)], datetime.now(UTC))
            n += group
    return n / SECONDS


def _event(n: int) -> Event:
    about = {"order": n, "issuer": "PTA", "ref": f"PTA/WA/{n}/2026"}
    said = {"ground": "PECA 37", "scope": "subtree", "sha256": "ab" * 32, "entries pending": n % 100}
    return Event(ORDERS, "pushed", Actor("token", "3", "regulator"), about, said)


if __name__ == "__main__":
    for name, value in ledger_figures().items():
        print(f"{name:24} {value:14,.2f}")
