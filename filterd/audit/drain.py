"""Reads the workers' spools and confidential counters, and counts what they hold into the database.

Records themselves go into batches: filterd.audit.block_drain.
Invariants: counts and the position up to which they were counted are one transaction, so that a crash of this side
loses nothing and counts nothing twice; a record is overwritten in the spool once it is on the disk and counted; a
segment is removed only when it is drained, or never had a record, and its worker has left it; a block of reason csam
becomes a count of hour, node, list and channel, no matter what its list is, unless a tap only saw it: then it leaves
nothing, as the help corridor does; what the verifier's probe meets is in the report of its verification, and no record
and no count here.  A spool whose newest segment is below the position is another one, as on a new box after the
database was restored: it is read from its beginning, and nothing of it is overwritten before.
Source: semantics §8, §9.
"""

import logging
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Table, delete, insert, select

from fastpath.images.verdict import Action, Channel, Reason
from fastpath.report.columns import NOT_A_SUBSCRIBER, Columns, read_columns
from fastpath.report.counters import read_confidential
from fastpath.report.spool import (
    BlockEvent,
    read_slots,
    remove_segment,
    segment_numbers,
    segment_path,
    wipe_segment,
)
from filterd.audit.provinces import Provinces
from filterd.images.words import word
from filterd.process.logs import decision_line
from mgmt.orders.phases.canary_store import BlockCount, count_blocks
from mgmt.registers.records.block_ledger import (
    BlockRecord,
    CsamCount,
    Position,
    add_csam_counts,
    read_position,
    write_position,
)
from parental.people import reports
from parental.people.reports import Encounter
from parental.store.database import reading, writing
from parental.store.reserve import Reserve
from parental.store.schema.records import UNKNOWN_PROVINCE, confidential_totals
from rules.base.category import category_name

EVENTS_A_ROW = 10  # that one reading may fold: equal events of one second are one row
LATE_S = 10.0  # twenty times what a record waits where there is time
KEPT_SEGMENTS = 2  # the newest two may be in use: the one being written and the spare
START = Position("0", 0)  # of a spool of which nothing was read

OF_PROFILES = (Reason.PAUSE, Reason.SCHEDULE, Reason.QUOTA, Reason.SOFT_LOCK, Reason.HOUSEHOLD)
UNRECORDED = (Reason.CSAM, Reason.HELP)

log = logging.getLogger("filterd.audit.drain")

ProvincesOf = Callable[[Iterable[int]], Mapping[int, str]]  # numbers of subscribers → province of each
Found = dict[tuple[int, int], int]  # (number of a list in the names image, channel) → count


class Ledger(NamedTuple):
    """Where drained events go.

    node_key   of the pseudonyms;   node  this box in the counts;   reserve  of the database's disk, if it is ours
    canary     the name of this gateway, where it tries orders;   provinces  of subscribers; None: none is known
    probe      the number of the line from which the verifier asks; None: its blocks are as anyone's"""

    engine: Engine
    node_key: bytes
    node: str
    reserve: Reserve | None = None
    canary: str | None = None
    provinces: Provinces | None = None
    probe: int | None = None

    def provinces_of(self, subscribers: Iterable[int]) -> Mapping[int, str]:
        """Where subscribers are."""
        return nowhere(subscribers) if self.provinces is None else self.provinces.of(subscribers)

    def key_of(self, worker: str) -> str:
        """How the database calls a worker of this box."""
        return key_of(self.engine, self.node, worker)


def of_people(found: Columns, probe: int | None) -> Columns:
    """What was read without what the verifier's probe has met, but for CSAM, which counts no matter who asks.

    probe  the number of its line; None: it has none"""
    if probe is None or probe not in found.subscriber:
        return found
    pairs = enumerate(zip(found.kind, found.subscriber, strict=True))
    kept = [at for at, (kind, whose) in pairs if whose != probe or found.kinds[kind].reason == Reason.CSAM]
    numbers = sorted({found.kind[at] for at in kept})  # of kinds: those that no row has any more say nothing either
    rank = {number: at for at, number in enumerate(numbers)}
    return found._replace(
        kinds=[found.kinds[number] for number in numbers],
        time_s=array("q", (found.time_s[at] for at in kept)),
        kind=array("I", (rank[found.kind[at]] for at in kept)),
        subscriber=array("I", (found.subscriber[at] for at in kept)),
        counts=array("I", (found.counts[at] for at in kept)),
    )


def nowhere(subscribers: Iterable[int]) -> Mapping[int, str]:
    """Provinces that are not known."""
    return dict.fromkeys(subscribers, UNKNOWN_PROVINCE)


def key_of(engine: Engine, node: str, worker: str) -> str:
    """How a database calls a worker: with its box, where several boxes may share it."""
    return f"{node}/{worker}" if engine.dialect.name == "postgresql" else worker


def late_since_s(spool_dir: Path, engine: Engine, node: str, now_s: float) -> float | None:
    """When the oldest record was written that is not drained yet, unix seconds; None: none has waited for LATE_S.

    Not sooner: blocks of confidential lists write none, and anyone who sees a record come could know which they are.
    A spool that cannot be read is the drain's to say: it hides no other one here."""
    found = [first for folder in spool_dir.glob("*/") if (first := _first_waiting(folder, engine, node)) is not None]
    oldest_s = min(found) / 1e9 if found else now_s
    return oldest_s if now_s - oldest_s >= LATE_S else None


def from_where(folder: Path, at: Position | None) -> Position:
    """From where a worker's spool is to be read.   at  up to where it was, or the one that is lost; None: it never was

    The newest segment is never removed: where it is below `at`, the worker began again with number 1."""
    numbers = segment_numbers(str(folder))
    began_again = at is not None and bool(numbers) and numbers[-1] < int(at.segment)
    return START if at is None or began_again else at


def position_of(folder: Path, ledger: Ledger) -> Position:
    """From where the database is to have a worker's events.

    That its spool began again is stored at once: later, its numbers may be those of the position, too."""
    key = ledger.key_of(folder.name)
    with reading(ledger.engine) as conn:
        stored = read_position(conn, key)
    at = from_where(folder, stored)
    if stored not in (None, at):
        with writing(ledger.engine) as conn:
            write_position(conn, key, at)
        say_began_again(folder)
    return at


def say_began_again(folder: Path) -> None:
    """Have it in the log that a position was of another spool."""
    log.warning("%s: not the spool that was read until now; read from its beginning; the other one is lost", folder)


def wipe_before(folder: Path, at: Position) -> None:
    """Overwrite all events of a worker before a position."""
    for number in segment_numbers(str(folder)):
        path = segment_path(str(folder), number)
        if number < int(at.segment):
            wipe_segment(path)
        elif number == int(at.segment):
            wipe_segment(path, 0, at.offset)


def drain_confidential(counters: Iterable[Path], list_ids: Sequence[str], now_s: int, ledger: Ledger) -> None:
    """Add what the confidential counters have risen by to this hour's counts.   list_ids: of the names image."""
    for path in counters:
        found = read_confidential(path)
        if found:
            with writing(ledger.engine) as conn:
                risen = risen_since(conn, confidential_totals, ledger.key_of(path.name), found)
                add_csam_counts(conn, _counts(risen, list_ids, now_s, ledger.node))


def risen_since(conn: Connection, totals: Table, worker: str, found: Found) -> Found:
    """What each counter has risen by since the last look; one that fell has begun again from 0.

    totals  the table that remembers it"""
    rows = conn.execute(select(totals).where(totals.c.worker == worker)).all()
    before = {(row.list, row.channel): row.total for row in rows}
    risen = {key: total - before.get(key, 0) if total >= before.get(key, 0) else total for key, total in found.items()}
    if found != before:
        conn.execute(delete(totals).where(totals.c.worker == worker))
        values = [{"worker": worker, "list": key[0], "channel": key[1], "total": total} for key, total in found.items()]
        conn.execute(insert(totals), values)
    return {key: by for key, by in risen.items() if by}


def drain_segment(folder: Path, at: Position, take: Callable[[Columns, Position], None], most_rows: int) -> int:
    """Hand the next events of a worker to take(), which has them on the disk when it returns; then overwrite them.

    at  up to where its spool was read;   take  gets them with the position behind them
    How many slots or events there were, 0: no new ones.   Raises OSError, ValueError, and what take() raises"""
    begin, found, number = next_columns(folder, at, EVENTS_A_ROW * most_rows, most_rows)
    if found is None or found.next == begin:
        return 0
    take(found, Position(str(number), found.next))
    path = segment_path(str(folder), number)
    wipe_segment(path, begin, found.next)
    if found.n_damaged:
        log.warning("%s: %d slots hold no record; passed over; a power cut leaves such", path, found.n_damaged)
    return found.n + found.n_damaged


def remove_drained(folder: Path, at: Position) -> None:
    """Remove the segments of a worker that were read to their end or are empty, and that it has left.

    Each start leaves an empty one, and a worker lays no more than MAX_SEGMENTS.   at  as of drain_segment()
    Raises OSError, ValueError"""
    for number in segment_numbers(str(folder))[:-KEPT_SEGMENTS]:
        path = segment_path(str(folder), number)
        if number < int(at.segment) or not read_slots(path, 0, 1):
            remove_segment(path)


def record_of(event: BlockEvent) -> BlockRecord:
    """The record of an event."""
    reason = Reason(event.reason)
    return BlockRecord(
        time_s=event.time_ns // 1_000_000_000,
        channel=word(Channel(event.channel)),
        action=word(Action(event.action)),
        list=event.list,
        rule=event.rule,
        order=event.order,
        category=category_name(event.category) if event.category else "",
        reason=word(reason),
        generation=event.policy_generation if reason in OF_PROFILES else event.names_generation,
        subscriber=event.subscriber,
    )


def count_found(found: Columns | None, ledger: Ledger, worker: str, position: Position) -> None:
    """Count events whose records are in a batch, up to a position; None: none exist to count any more."""
    with writing(ledger.engine) as conn:
        if found is None:
            write_position(conn, ledger.key_of(worker), position)
        else:
            _count(conn, of_people(found, ledger.probe), ledger, worker, position)


def log_decisions(found: Columns) -> None:
    """Each record as a line of the log, where that is at level debug."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    records = [record_of(kind) for kind in found.kinds]
    for number, subscriber in zip(found.kind, found.subscriber, strict=True):
        event, record = found.kinds[number], records[number]
        if event.reason not in UNRECORDED:
            whose = None if subscriber == NOT_A_SUBSCRIBER else subscriber
            said = (record.channel, record.rule, record.action, record.reason, whose, record.list)
            log.debug("%s", decision_line(*said, (event.names_generation, event.policy_generation)))


def stopped(found: Columns) -> Iterable[tuple[int, str, str, int]]:
    """CSAM blocks, but for what a tap only saw: second, list, channel, how many."""
    for time_s, number, count in zip(found.time_s, found.kind, found.counts, strict=True):
        kind = found.kinds[number]
        if kind.reason == Reason.CSAM and kind.action != Action.SHADOW:
            yield time_s, kind.list, word(Channel(kind.channel)), count


def next_columns(folder: Path, position: Position, most_events: int, most_rows: int) -> tuple[int, Columns | None, int]:
    """The slot where the next events after a position begin, those events, and their segment."""
    number, first = int(position.segment), position.offset
    waiting = [each for each in segment_numbers(str(folder)) if each >= number]
    for at, segment in enumerate(waiting):
        begin = first if segment == number else 0
        # Asked before the segment is read to its end: once a later one has records, this one gets no more.
        is_left = any(read_slots(segment_path(str(folder), later), 0, 1) for later in waiting[at + 1 :])
        found = read_columns(segment_path(str(folder), segment), begin, most_events, most_rows)
        if found.next > begin or not is_left:
            return begin, found, segment
    return first, None, number


# ----------------------------------------------------------------------------------------------------------------------


def _first_waiting(folder: Path, engine: Engine, node: str) -> int | None:
    """When a worker's first event that waits was written, unix nanoseconds."""
    with reading(engine) as conn:
        at = read_position(conn, key_of(engine, node, folder.name))
    try:
        _, found, _ = next_columns(folder, from_where(folder, at), 1, 1)
    except (OSError, ValueError):
        return None
    return found.kinds[0].time_ns if found is not None and found.kinds else None


def _count(conn: Connection, found: Columns, ledger: Ledger, worker: str, position: Position) -> None:
    """Add what is counted of events, and remember how far that was done."""
    reports.count(conn, _met(found))
    add_csam_counts(conn, _stopped_here(found, ledger.node))
    if ledger.canary is not None:
        count_blocks(conn, ledger.canary, _of_orders(found))
    write_position(conn, ledger.key_of(worker), position)


def _met(found: Columns) -> Iterable[Encounter]:
    """What profiles have met that a household has chosen."""
    words = [_met_word(kind) for kind in found.kinds]
    for time_s, number, subscriber, count in zip(found.time_s, found.kind, found.subscriber, found.counts, strict=True):
        if (what := words[number]) is not None and subscriber != NOT_A_SUBSCRIBER:
            yield Encounter(subscriber, time_s, what, count)


def _met_word(kind: BlockEvent) -> str | None:
    """What such an event counts as: a category, or the reason of a lock; None: it is not counted."""
    is_theirs = kind.reason in OF_PROFILES or kind.reason == Reason.CATEGORY
    if not is_theirs or kind.action == Action.SHADOW:
        return None
    is_kind = kind.reason == Reason.CATEGORY and kind.category
    return category_name(kind.category) if is_kind else word(Reason(kind.reason))


def _of_orders(found: Columns) -> Iterator[BlockCount]:
    """Blocks of orders; a line that many ask for the same counts once a second, so that none decides alone."""
    lines: set[tuple[int, int, int]] = set()
    for time_s, number, subscriber, count in zip(found.time_s, found.kind, found.subscriber, found.counts, strict=True):
        order = found.kinds[number].order
        if not order or found.kinds[number].reason in UNRECORDED:
            continue
        if subscriber == NOT_A_SUBSCRIBER:
            yield BlockCount(order, time_s, count)
        elif (line := (order, time_s, subscriber)) not in lines:
            lines.add(line)
            yield BlockCount(order, time_s, 1)


def _stopped_here(found: Columns, node: str) -> Iterable[CsamCount]:
    for time_s, list_id, channel, count in stopped(found):
        yield CsamCount(time_s, node, list_id, channel, count)


def _counts(risen: Found, list_ids: Sequence[str], now_s: int, node: str) -> Iterable[CsamCount]:
    for (number, channel), by in risen.items():
        list_id = list_ids[number] if number < len(list_ids) else f"list-{number}"
        yield CsamCount(now_s, node, list_id, word(Channel(channel)), by)
