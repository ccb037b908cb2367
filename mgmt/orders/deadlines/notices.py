"""Messages about alarms: one for each contact, tried until it is delivered, dropped or given up.

    put_notices ─→ waiting ─ claim ─→ delivered: sent
                     ↑                not: again after a while, which doubles up to an hour; after two days: given up
                     └──────┘         the clock has stopped meanwhile: dropped

Invariants: a message is claimed by one process at a time, and who claims it and dies has used up a try; a second copy,
which a kill between delivery and note can make, has the same key.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, update

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.events import note_order
from mgmt.orders.deadlines.clock import Alarm
from parental.store.schema.deadlines import order_notices

WAITING, SENT, DROPPED, GIVEN_UP = STATES = ("waiting", "sent", "dropped", "given_up")
MAIL, WEBHOOK = "mail", "webhook"
FIRST_WAIT_S, LONGEST_WAIT_S = 90, 3600  # longer than the job that tries: no gateway takes what another one holds
GIVE_UP_AFTER = timedelta(days=2)
MAX_FAULT_CHARACTERS = 300
_URGENCY = {alarm.value: rank for rank, alarm in enumerate(Alarm)}


class Contact(NamedTuple):
    """Who gets messages.   receiver  mail ADDRESS, or webhook URL;   least  the first alarm that is sent there"""

    receiver: str
    least: Alarm


class FailingReceiver(NamedTuple):
    """A receiver that did not take what was tried last.   n  messages that wait for it"""

    receiver: str
    n: int
    fault: str


def put_notices(
    conn: Connection, order: int, alarm: Alarm, contacts: Sequence[Contact], text: str, at: datetime
) -> int:
    """Write a message for each contact that gets this alarm; how many."""
    chosen = dict.fromkeys(each.receiver for each in contacts if _URGENCY[each.least] <= _URGENCY[alarm])
    row = {"order": order, "kind": alarm.value, "text": text, "tries": 0, "state": WAITING}
    times = {"due_s": int(at.timestamp()), "made_ms": _ms(at)}
    rows = [{**row, **times, "receiver": each, "key": secrets.token_hex(16)} for each in chosen]
    if rows:
        conn.execute(insert(order_notices), rows)
    return len(rows)


def due(conn: Connection, at: datetime, limit: int) -> Sequence[Row[Any]]:
    """Messages to be tried now, the longest due first."""
    chosen = select(order_notices).where(order_notices.c.state == WAITING, order_notices.c.due_s <= at.timestamp())
    return conn.execute(chosen.order_by(order_notices.c.due_s, order_notices.c.id).limit(limit)).all()


def claim(conn: Connection, notice: Row[Any], at: datetime) -> bool:
    """Take one of due() on; False: another process was faster, or it is given up."""
    if at.timestamp() * 1000 - notice.made_ms > GIVE_UP_AFTER / timedelta(milliseconds=1):
        if end(conn, notice, GIVEN_UP, at):
            note_order(conn, notice.order, "alarm not delivered", at, CONTROL, notice=notice.id, tries=notice.tries)
        return False
    wait_s = min(FIRST_WAIT_S << min(notice.tries, 16), LONGEST_WAIT_S)
    mine = update(order_notices).where(
        order_notices.c.id == notice.id, order_notices.c.state == WAITING, order_notices.c.tries == notice.tries
    )
    return bool(conn.execute(mine.values(tries=notice.tries + 1, due_s=int(at.timestamp()) + wait_s)).rowcount)


def end(conn: Connection, notice: Row[Any], state: str, at: datetime) -> bool:
    """What becomes of a message that waits; False: it waits no more.   state  SENT, DROPPED, GIVEN_UP"""
    values: dict[str, Any] = {"state": state, "ended_ms": _ms(at)} | ({"fault": None} if state == SENT else {})
    waits = update(order_notices).where(order_notices.c.id == notice.id, order_notices.c.state == WAITING)
    return bool(conn.execute(waits.values(values)).rowcount)


def note_fault(conn: Connection, notice: Row[Any], fault: str) -> None:
    """Why the last try was none."""
    conn.execute(
        update(order_notices).where(order_notices.c.id == notice.id).values(fault=fault[:MAX_FAULT_CHARACTERS])
    )


def find_notice(conn: Connection, number: int) -> Row[Any] | None:
    """A message that waits."""
    chosen = select(order_notices).where(order_notices.c.id == number, order_notices.c.state == WAITING)
    return conn.execute(chosen).one_or_none()


def failing(conn: Connection) -> list[FailingReceiver]:
    """Receivers that did not take what was tried, with the fault of the newest message."""
    tried = select(order_notices).where(order_notices.c.state == WAITING, order_notices.c.fault.is_not(None))
    found: dict[str, FailingReceiver] = {}
    for row in conn.execute(tried.order_by(order_notices.c.receiver, order_notices.c.id)):
        n = found[row.receiver].n if row.receiver in found else 0
        found[row.receiver] = FailingReceiver(row.receiver, n + 1, row.fault)
    return list(found.values())


def counts(conn: Connection) -> dict[str, int]:
    """State → so many messages."""
    found = conn.execute(select(order_notices.c.state, func.count()).group_by(order_notices.c.state))
    return dict.fromkeys(STATES, 0) | {str(state): n for state, n in found}


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
