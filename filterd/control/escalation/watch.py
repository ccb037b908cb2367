"""Control's look at the clocks of orders: alarms that are due are given, and messages that are due go to a job.

    trusted clock ─→ last days that are over ─→ alarms due ─→ messages ─→ claimed ─→ filterd orders deliver

Time is that of mgmt.ledger.trusted_clock: a wall clock that is set neither brings an alarm early nor keeps one back,
nor ends an order; and where the time is not known, as after a start with a clock that is years off, no alarm is given,
and no order expires, until it is.
Invariants: publication never waits for any of this; what is wrong with a receiver stands in the status until it takes
what waits for it, or that is given up.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row

from filterd.config import Config
from filterd.config.web_settings import clocks_of
from filterd.control.escalation.contacts import contacts_of, shown
from filterd.process.jobs import run_job
from mgmt.ledger import trusted_clock
from mgmt.ledger.trusted_clock import Clocks, ClockStep
from mgmt.orders.base.dates import for_review, lapse_due
from mgmt.orders.deadlines.alarms import clocks_of as clocks_of_orders
from mgmt.orders.deadlines.alarms import give_due
from mgmt.orders.deadlines.canary_alarms import give_rollbacks, is_of_rollback
from mgmt.orders.deadlines.notices import DROPPED, claim, due, end, failing, find_notice, note_fault
from mgmt.orders.deadlines.reviews import give_reviews, is_of_review
from parental.store.database import reading, writing

LOOK_S = 10.0  # between two looks: a minute is the shortest deadline that a setting can give
AT_ONCE = 20  # messages of one job
JOB_S = 60.0  # for all of them: a receiver that drips its answer ends here; shorter than FIRST_WAIT_S
NICENESS = 10


class UndeliveredMessages(OSError):
    """Messages wait for receivers that do not take them."""


def look(engine: Engine, records: Engine, config: Config, clocks: Clocks) -> list[int]:
    """Mark what has expired, give the alarms that are due, and claim the messages that are; their numbers.   Blocking.

    records  of the role that keeps the trusted clock.   Raises ClockStep: nothing was given, nothing expired"""
    with writing(records) as conn:
        try:
            now_s = trusted_clock.look(conn, clocks).time_s
        except ClockStep as reason:
            raise ClockStep(
                str(reason).replace(
                    "nothing is forgotten", "no approval and no alarm of an order is given, and none expires"
                )
            ) from reason
    at, rules = datetime.fromtimestamp(now_s, UTC), clocks_of(config)
    with writing(engine) as conn:
        lapse_due(conn, at)
        give_due(conn, rules, contacts_of(config.orders), at, config.api.desk_origin)
        give_reviews(conn, contacts_of(config.orders), at, config.api.desk_origin)
        give_rollbacks(conn, contacts_of(config.orders), at, config.api.desk_origin)
    with reading(engine) as conn:
        waiting = due(conn, at, AT_ONCE)
    claimed = []
    if waiting:
        with writing(engine) as conn:
            orders = clocks_of_orders(conn, sorted({each.order for each in waiting}), rules)
            reviewed = {each.id for each in for_review(conn, at)} if any(map(is_of_review, waiting)) else set()
            for each in waiting:
                clock = orders.get(each.order)
                is_over = not is_of_rollback(each) and (clock is None or clock.stopped is not None)
                if each.order not in reviewed if is_of_review(each) else is_over:
                    end(conn, each, DROPPED, at)
                elif claim(conn, each, at):
                    claimed.append(each.id)
    return claimed


async def deliver(engine: Engine, config_file: Path, numbers: Sequence[int]) -> None:
    """Have a job hand over what was claimed."""
    try:
        said = ["orders", "deliver", "--config", str(config_file), *map(str, numbers)]
        ended = await run_job(said, NICENESS, JOB_S)
        fault = None if ended.exit_code in (0, 1) else ended.stderr or f"exit code {ended.exit_code}"
    except TimeoutError:
        fault = f"no end within {JOB_S:g} s"
    if fault is not None:
        await asyncio.to_thread(note_unended, engine, numbers, fault)


def note_unended(engine: Engine, numbers: Sequence[int], fault: str) -> None:
    """Of the messages that a job has left behind, why.   Blocking: one short write"""
    with writing(engine) as conn:
        left: list[Row[Any]] = [each for number in numbers if (each := find_notice(conn, number)) is not None]
        for each in left:
            note_fault(conn, each, fault)


def refuse_undelivered(engine: Engine) -> None:
    """Raises UndeliveredMessages, with a sentence for each receiver."""
    with reading(engine) as conn:
        found = failing(conn)
    if found:
        words = (f"{shown(each.receiver)}: {each.fault}; {each.n} alarms wait and are tried again" for each in found)
        raise UndeliveredMessages(f"{'; '.join(words)}; see /orders/contacts and /orders/mail")
