"""Counts by list and channel: what lists of action shadow would have blocked, orders in shadow among them, and
circumvention attempts that the gate has seen by lists of the category bypass.

Invariants: no name, no person and no time is kept with a count; a list is one of both, and counted while it is that.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Connection, Engine, delete, select

from fastpath.images.decision import ListInForce
from fastpath.images.verdict import Action, Channel
from fastpath.report.counters import read_counted
from filterd.audit.drain import Found, key_of, risen_since
from filterd.images.words import word
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from mgmt.orders.phases.shadow_store import count
from parental.store.database import reading, upsert, writing
from parental.store.schema.records import list_counts, list_totals
from rules.base.category import category_number

BYPASS = category_number("bypass")


def drain_counted(
    counters: Iterable[Path],
    lists: Sequence[ListInForce],
    engine: Engine,
    node: str,
    shadows: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Add what the counters of such lists have risen by to their counts, and drop those of other lists.

    counters  the files of counters;  lists  in force, by number; none: not known yet, and nothing is done
    node      this box;   shadows  list id → the shadow whose order it holds, in these images"""
    if not lists:
        return
    for path in counters:
        found = read_counted(path)
        if found:
            with writing(engine) as conn:
                _add(conn, risen_since(conn, list_totals, key_of(engine, node, path.name), found), lists, shadows)
    _forget_others(engine, lists)


def shadowed(engine: Engine, lists: Sequence[ListInForce]) -> dict[str, dict[str, int]]:
    """List → channel → count of the configuration's trial lists, also of those that would have blocked nothing."""
    return _counts(engine, [each.id for each in lists if _is_tried(each) and each.id not in SHADOW_LISTS])


def attempts(engine: Engine, lists: Sequence[ListInForce]) -> dict[str, dict[str, int]]:
    """The same of lists of the category bypass: names and connection starts that the gate has seen, blocked or not."""
    return _counts(engine, [each.id for each in lists if _is_way(each)])


# ----------------------------------------------------------------------------------------------------------------------


def _counts(engine: Engine, list_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {list_id: {} for list_id in list_ids}
    with reading(engine) as conn:
        for list_id, channel, count in conn.execute(select(list_counts).order_by(list_counts.c.channel)):
            if list_id in counts:
                counts[list_id][channel] = count
    return counts


def _add(conn: Connection, risen: Found, lists: Sequence[ListInForce], shadows: Mapping[str, int]) -> None:
    for (number, channel), by in risen.items():
        if number < len(lists) and lists[number].id in SHADOW_LISTS:
            if (shadow := shadows.get(lists[number].id)) is not None:
                count(conn, shadow, word(Channel(channel)), by)
        elif number < len(lists) and _is_counted(lists[number]):
            row = upsert(conn, list_counts).values(list=lists[number].id, channel=word(Channel(channel)), count=by)
            conn.execute(
                row.on_conflict_do_update(index_elements=["list", "channel"], set_={"count": list_counts.c.count + by})
            )


def _forget_others(engine: Engine, lists: Sequence[ListInForce]) -> None:
    is_over = list_counts.c.list.not_in([each.id for each in lists if _is_counted(each)])
    with reading(engine) as conn:  # a reader holds up no writer
        is_nothing = conn.execute(select(list_counts.c.list).where(is_over).limit(1)).one_or_none() is None
    if is_nothing:
        return
    with writing(engine) as conn:
        conn.execute(delete(list_counts).where(is_over))


def _is_counted(one: ListInForce) -> bool:
    return _is_tried(one) or _is_way(one)


def _is_tried(one: ListInForce) -> bool:
    return one.action == Action.SHADOW


def _is_way(one: ListInForce) -> bool:
    return one.category == BYPASS and not _is_tried(one) and not one.confidential
