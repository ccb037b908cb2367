"""Retention: what is older than the configuration says is destroyed, keys first, then records.

    day keys → block records (a household's sooner) → what households did → requests and totals
    of children → released addresses

Without its day's key a pseudonym stands for no one, also in a copy that was made before.
Invariants: what is old is decided by mgmt.ledger.trusted_clock and by nothing else; a key is gone from the database
file and its journal when this returns; a write takes no longer than a batch, so other writers wait for some
milliseconds.  Records of a time that has not come, which a wrong clock has made, are kept for as long as others are.
What legal holds name stays (mgmt.registers.records.holds), and the keys of its days where a hold says so; nothing of a
household does.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from filterd.config.schema import Retention
from mgmt.ledger import trusted_clock
from mgmt.ledger.trusted_clock import MEND, Clocks, ClockStep
from mgmt.registers.records import block_ledger
from mgmt.registers.records.holds.scope import Scope
from parental.people import household, reports, requests
from parental.store.database import writing

BATCH = 2000  # records of one transaction: some 10 ms
DAY_S = 86_400
REQUESTS_S = int(requests.KEPT.total_seconds())

log = logging.getLogger("filterd.audit.retention")


class Due(NamedTuple):
    """Records that are old, in unix seconds.   after_s  what comes later has a time of a wrong clock; None: stays"""

    blocks_before_s: int
    household_before_s: int
    after_s: int | None = None
    held: Sequence[Scope] = ()


def forget_due(
    engine: Engine,
    kept: Retention,
    clocks: Clocks,
    forget_released: Callable[[int, int], None],
    forget_files: Callable[[Due], None] | None = None,
    held: Sequence[Scope] = (),
) -> None:
    """Destroy what is due.   forget_released(now_s, before_s): of addresses released before

    engine        of the role that keeps the records;   forget_files  of records that are files, where they are
    held          what legal holds name
    Raises ClockStep: where the time is not known, before anything was done; where it is known in spite of a step,
    when all is done."""
    with writing(engine) as conn:
        now_s, step_s = trusted_clock.look(conn, clocks)
    longest_s = max(kept.blocks, kept.household)
    _destroy_keys(engine, now_s - min(kept.day_keys, longest_s), held)
    for of_household, age_s in ((True, kept.household), (False, kept.blocks)):
        due: dict[str, Any] = {"since_s": 0, "before_s": int(now_s - age_s), "held": held}
        due["of_household"] = of_household
        _in_batches(engine, partial(block_ledger.forget, limit=BATCH, **due))
    _in_batches(engine, partial(household.forget, before_s=int(now_s - kept.household), limit=BATCH))
    _in_batches(engine, partial(requests.forget, before_s=int(now_s - REQUESTS_S), limit=BATCH))
    with writing(engine) as conn:
        overwrite_deleted(conn)
        reports.forget(conn, datetime.fromtimestamp(now_s, UTC).date())
    forget_released(int(now_s), int(now_s - kept.released_addresses))
    # Last: while the archive is away, all else goes.
    if forget_files is not None:
        forget_files(Due(int(now_s - kept.blocks), int(now_s - kept.household), None, held))
    _forget_ahead(engine, clocks.node, now_s, longest_s, forget_files, held)
    if step_s:
        raise ClockStep(
            f"clock: stepped by {step_s:+.0f} s to {trusted_clock.iso(clocks.wall_s)}; what is old is decided by the "
            f"time before, {trusted_clock.iso(now_s)}; {MEND}"
        )


def _destroy_keys(engine: Engine, before_s: float, held: Sequence[Scope]) -> None:
    with writing(engine) as conn:
        overwrite_deleted(conn)
        days = block_ledger.destroy_keys(conn, before_s, held)
    if days:
        _empty_journal(engine)
        log.info("retention: the keys of %d days are destroyed, the last one of %s", len(days), days[-1])


def _forget_ahead(
    engine: Engine,
    node: str,
    now_s: float,
    age_s: float,
    forget_files: Callable[[Due], None] | None,
    held: Sequence[Scope],
) -> None:
    """Records and keys of a time that has not come, once they have been there for `age_s`.

    Files first: once the keys are gone, nothing says any more that there are such files"""
    after_s = int(now_s) + DAY_S
    with writing(engine) as conn:
        is_due = trusted_clock.ahead_for_s(conn, node, now_s, block_ledger.is_ahead(conn, after_s)) >= age_s > 0
    if is_due:
        if forget_files is not None:
            forget_files(Due(0, 0, after_s, held))
        with writing(engine) as conn:
            overwrite_deleted(conn)
            block_ledger.destroy_keys_after(conn, after_s, held)
        _empty_journal(engine)
        for of_household in (True, False):
            due: dict[str, Any] = {"since_s": after_s, "before_s": None, "held": held, "of_household": of_household}
            _in_batches(engine, partial(block_ledger.forget, limit=BATCH, **due))


def _in_batches(engine: Engine, forget: Callable[[Connection], int]) -> None:
    n = BATCH
    while n == BATCH:
        with writing(engine) as conn:
            overwrite_deleted(conn)
            n = forget(conn)


def overwrite_deleted(conn: Connection) -> None:
    """Have what is deleted in this transaction overwritten.

    SQLite leaves deleted rows in free pages otherwise.   PostgreSQL keeps them until its vacuum."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete=ON")


def _empty_journal(engine: Engine) -> None:
    """What was overwritten goes into the database file, and the journal, which has older pages, to nothing."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        raw.close()
    if busy:
        log.warning("retention: a reader holds the journal of the database; keys stay in it until its next use")
