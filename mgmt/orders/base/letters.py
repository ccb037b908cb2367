"""Letters that list files name: what the lists hold of each, counted, as the workers serve it.

An order that a list names has its entries in that file, and a million of them never become rows; their statuses come
from the report of the compilation.
Invariants: what is here was served by every worker; it is replaced whole, so a letter that no list names any more
has nothing here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from mgmt.orders.base.model import EntryStatus
from parental.store.schema.orders import letters, orders


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter in a list.   generation  of the base that holds it;   served_ms  since the epoch"""

    list: str
    generation: int
    served_ms: int


def keep_letters(
    conn: Connection,
    lists: Mapping[str, Mapping[str, Mapping[str, int]]],
    generation: int,
    at: datetime,
    *,
    has_gate: bool = True,
    stops_names: bool = True,
) -> None:
    """Replace what is known of all letters.

    lists     id → number of an order → status → entries: of lists that enforce, of the base that every worker serves
    at        since when (aware);   has_gate, stops_names  as counts_here()"""
    conn.execute(delete(letters))
    served_ms = int(at.timestamp() * 1000)
    known = set(conn.execute(select(orders.c.id)).scalars())  # a database put back from a copy may lack some
    rows = [
        {"order": int(order), "list": each, "status": status, "n": n, "generation": generation, "served_ms": served_ms}
        for each, held in lists.items()
        for order, counts in held.items()
        if int(order) in known
        for status, n in counts_here(counts, has_gate=has_gate, stops_names=stops_names).items()
    ]
    if rows:
        conn.execute(insert(letters), rows)


def letter_counts(conn: Connection, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    """Order → status → how many entries of it lists hold.   numbers  of orders: at most a page of them"""
    chosen = select(letters.c.order, letters.c.status, func.sum(letters.c.n)).where(letters.c.order.in_(numbers))
    counts: dict[int, dict[str, int]] = {}
    for order, status, n in conn.execute(chosen.group_by(letters.c.order, letters.c.status)):
        counts.setdefault(order, {})[status] = int(n)
    return counts


def letters_of(conn: Connection, numbers: Sequence[int]) -> dict[int, list[Letter]]:
    """Order → the lists that hold entries of it, enforced or not.   numbers  of orders: at most a page of them"""
    chosen = select(letters.c.order, letters.c.list, letters.c.generation, letters.c.served_ms).distinct()
    found: dict[int, list[Letter]] = {}
    for order, *held in conn.execute(chosen.where(letters.c.order.in_(numbers)).order_by(letters.c.list)):
        found.setdefault(order, []).append(Letter(*held))
    return found


def counts_here(counts: Mapping[str, int], *, has_gate: bool, stops_names: bool) -> dict[str, int]:
    """The counts of a compilation as a box can enforce them.   has_gate, stops_names  see Settings"""
    not_here = {EntryStatus.ENFORCED_HTTP} if not has_gate else set()
    not_here |= {EntryStatus.ENFORCED, EntryStatus.ENFORCED_HTTP} if not stops_names else set()
    moved: dict[str, int] = {}
    for status, n in counts.items():
        word = EntryStatus.NOT_ENFORCEABLE if status in not_here else status
        moved[word] = moved.get(word, 0) + n
    return moved
