"""Orders until every worker serves them: a base of 1.1 million names, four DNS workers, a control role.

Rows of the database in, the receipt out: an order of 1,000 names, its withdrawal, an order of one name, and a thousand
more names when 9,000 are in the delta already (it is written whole until the next merge).  `acks_ms` is the workers'
part of the first: from the manifest to the last acknowledgement.  Best of three; all of it on two cores.
Goal: a delta of 1,000 entries live in all workers ≤ 100 ms.   BENCH_NAMES=10000000 takes another base.
"""

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import Engine

from bench.appliance import Appliance
from bench.corpus import names
from fastpath.wire.name import to_wire
from filterd.box.places import database_file
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.model import Entry, EntryMode, EntryStatus, Order
from mgmt.orders.store import put_order, withdraw_order
from parental.store.database import opened, writing

N_NAMES = int(os.environ.get("BENCH_NAMES", "1100000"))
N_WORKERS = 4
N_ENTRIES = 1000
ROUNDS = 3
GROWN = 9000


def push(engine: Engine, ref: str, n: int) -> int:
    """Store an order of `n` names that no list holds."""
    at = datetime.now(UTC)
    judged = []
    for number in range(1, n + 1):
        name = f"n{number}.{ref}.ordered.test"
        judged.append(Entry(number, name, to_wire(name.encode()), EntryMode.SUBTREE, EntryStatus.PENDING, None))
    with writing(engine) as conn:
        return put_order(conn, Order("PTA", ref, "", "subtree", None, False, ()), judged, b"", at, CONTROL)


def withdraw(engine: Engine, order: int) -> None:
    with writing(engine) as conn:
        withdraw_order(conn, order, "", datetime.now(UTC), CONTROL)


def publish(appliance: Appliance) -> dict[str, float]:
    """Milliseconds until the receipt, and of these until the last worker's part."""
    begin = time.perf_counter()
    receipt = appliance.control({"op": "orders_changed"})
    took = (time.perf_counter() - begin) * 1e3
    refusals = [ack["refused"] for ack in receipt["acks"] if ack["refused"]]
    if refusals or len(receipt["acks"]) != N_WORKERS:
        raise RuntimeError(f"delta: {refusals or receipt}; not measured; look at the log")
    return {"ms": took, "acks_ms": max(ack["ms"] for ack in receipt["acks"])}


def best(measure: Callable[[int], dict[str, float]]) -> dict[str, float]:
    return min((measure(number) for number in range(ROUNDS)), key=lambda found: found["ms"])


def figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        appliance = Appliance(Path(folder), names(N_NAMES), N_WORKERS)
        began = time.perf_counter()
        with appliance.running(), opened(database_file(appliance.state)) as engine:
            start_s = time.perf_counter() - began
            orders: list[int] = []
            refs = itertools.count()

            def order_of(n: int) -> Callable[[int], dict[str, float]]:
                def measure(_round: int) -> dict[str, float]:
                    orders.append(push(engine, f"t{next(refs)}", n))
                    return publish(appliance)

                return measure

            def gone(_round: int) -> dict[str, float]:
                withdraw(engine, orders.pop())
                return publish(appliance)

            many = best(order_of(N_ENTRIES))
            withdrawn = best(gone)
            single = best(order_of(1))
            push(engine, "grown", GROWN - N_ENTRIES)
            publish(appliance)
            grown = order_of(N_ENTRIES)(0)
        return {
            "names": N_NAMES,
            "workers": N_WORKERS,
            "start_s": start_s,
            "order_1000_ms": many["ms"],
            "order_1000_acks_ms": many["acks_ms"],
            "withdrawal_1000_ms": withdrawn["ms"],
            "order_1_ms": single["ms"],
            "order_1_acks_ms": single["acks_ms"],
            "order_1000_after_9000_ms": grown["ms"],
        }


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:26} {value:,.2f}")
