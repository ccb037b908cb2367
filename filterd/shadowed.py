"""What lists of action shadow would have blocked: a count a list and channel, for as long as the list is tried.

Invariants: no name, no person and no time is kept of what was let go; what is counted here is in no record of blocks.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, Engine, String, Table, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from fastpath.counters import read_shadowed
from fastpath.decision import ListInForce
from fastpath.verdict import Action, Channel
from filterd.drain import Found, risen_since, totals_table
from filterd.explain import word
from parental.database import metadata, reading, writing

shadow_totals = totals_table("shadow_totals")
shadow_counts = Table(
    "shadow_counts",
    metadata,
    Column("list", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)


def drain_shadowed(counters_dir: Path, lists: Sequence[ListInForce], engine: Engine) -> None:
    """Add what the counters of lists in the shadow have risen by to their counts, and drop those of other lists.

    lists  in force, by number; none: not known yet, and nothing is done"""
    if not lists:
        return
    for path in sorted(counters_dir.glob("*")):
        found = read_shadowed(path)
        if found:
            with writing(engine) as conn:
                _add(conn, risen_since(conn, shadow_totals, path.name, found), lists)
    _forget_enforced(engine, lists)


def shadowed(engine: Engine, lists: Sequence[ListInForce]) -> dict[str, dict[str, int]]:
    """List → channel → count of the lists that are in the shadow, also of those that would have blocked nothing."""
    told: dict[str, dict[str, int]] = {list_id: {} for list_id in _tried(lists)}
    with reading(engine) as conn:
        for list_id, channel, count in conn.execute(select(shadow_counts).order_by(shadow_counts.c.channel)):
            if list_id in told:
                told[list_id][channel] = count
    return told


# ----------------------------------------------------------------------------------------------------------------------


def _add(conn: Connection, risen: Found, lists: Sequence[ListInForce]) -> None:
    for (number, channel), by in risen.items():
        if number < len(lists) and lists[number].action == Action.SHADOW:
            row = upsert(shadow_counts).values(list=lists[number].id, channel=word(Channel(channel)), count=by)
            conn.execute(
                row.on_conflict_do_update(
                    index_elements=["list", "channel"], set_={"count": shadow_counts.c.count + by}
                )
            )


def _forget_enforced(engine: Engine, lists: Sequence[ListInForce]) -> None:
    is_over = shadow_counts.c.list.not_in(list(_tried(lists)))
    with reading(engine) as conn:  # whoever only looks holds nobody up
        is_nothing = conn.execute(select(shadow_counts.c.list).where(is_over).limit(1)).one_or_none() is None
    if is_nothing:
        return
    with writing(engine) as conn:
        conn.execute(delete(shadow_counts).where(is_over))


def _tried(lists: Iterable[ListInForce]) -> Iterator[str]:
    return (each.id for each in lists if each.action == Action.SHADOW)
