"""Sealed appeals, mailed to /appeals/address by a job that control starts for those that are due.

    control: due ─→ claimed ─→ filterd appeals deliver NUMBER… ─→ the operator's mail server

Invariants: an appeal goes out as it was sealed, and the mail says its number and when it came; one is noted as sent at
once after it was taken, so that only a kill in between makes a second copy, whose Message-ID is the same; what keeps a
mail back stands in the status until it is gone.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from sqlalchemy import Engine

from filterd.config import Config
from filterd.control.base.context import Context
from filterd.control.escalation.failed import DeliveryFailure
from filterd.control.escalation.mail import send
from filterd.process.jobs import run_job
from mgmt.registers.appeals.store import (
    WaitingAppeal,
    claim,
    due,
    fault_of_waiting,
    find_waiting,
    note_fault,
    note_sent,
)
from parental.store.database import reading, writing

AT_ONCE = 20  # mails of one job
JOB_S = 60.0  # for all of them; shorter than the first wait
NICENESS = 10
TEXT = """Appeal {number}: someone says that an address is blocked by mistake.
It came {at}. What it says is in the attachment, sealed for your private key:

    filterd appeals open --key PRIVATE_KEY {file}

Give it to the owner of the list. What the owner has done is noted on the box:

    filterd appeals answer {number} changed|unchanged|passed|unreadable
"""


class UndeliveredAppeals(OSError):
    """Appeals wait, and the mail server does not take them."""


async def look(context: Context) -> None:
    """Have those that are due mailed.   Raises UndeliveredAppeals: some are kept back"""
    numbers = await asyncio.to_thread(claim_due, context.engine, datetime.now(UTC))
    if numbers:
        await _run(context, numbers)
    await asyncio.to_thread(refuse_undelivered, context.engine)


def claim_due(engine: Engine, at: datetime) -> list[int]:
    """Those that this process mails now.   Blocking"""
    with reading(engine) as conn:
        waiting = due(conn, at, AT_ONCE)
    if not waiting:
        return []
    with writing(engine) as conn:
        return [each for each in waiting if claim(conn, each, at)]


def refuse_undelivered(engine: Engine) -> None:
    """Raises UndeliveredAppeals."""
    with reading(engine) as conn:
        found = fault_of_waiting(conn)
    if found is not None:
        n, fault = found
        raise UndeliveredAppeals(f"{fault}; {n} wait and are tried again; see /appeals/address and /orders/mail")


def deliver_all(config: Config, engine: Engine, numbers: Sequence[int]) -> bool:
    """Mail them in turn; whether none waits any more."""
    return all([_deliver(config, engine, number) for number in numbers])


def mail_of(appeal: WaitingAppeal, to: str, sender: str) -> EmailMessage:
    """The mail of an appeal that waits."""
    number, at = appeal.reference, datetime.fromtimestamp(appeal.received_s, UTC)
    file = f"appeal-{number}.bin"
    mail = EmailMessage()
    mail["Subject"] = f"filterd: appeal {number}"
    mail["From"], mail["To"] = sender, to
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<appeal-{number}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(TEXT.format(number=number, at=at.strftime("%Y-%m-%d %H:%M UTC"), file=file))
    mail.add_attachment(appeal.sealed, "application", "octet-stream", filename=file)
    return mail


def _deliver(config: Config, engine: Engine, number: int) -> bool:
    with reading(engine) as conn:
        appeal = find_waiting(conn, number)
    if appeal is None:
        return True
    try:
        _hand_over(config, appeal)
    except Exception as reason:  # the edge: what is wrong with one is said, and the next one is tried
        fault = str(reason) if isinstance(reason, (DeliveryFailure, OSError)) else type(reason).__name__
        with writing(engine) as conn:
            note_fault(conn, [number], fault)
        print(f"appeal {appeal.reference}: {fault}", file=sys.stderr)
        return False
    with writing(engine) as conn:
        note_sent(conn, appeal, datetime.now(UTC))
    return True


def _hand_over(config: Config, appeal: WaitingAppeal) -> None:
    """Raises DeliveryFailure."""
    to, server = config.appeals.address, config.orders.mail
    if to is None or server.server is None:
        raise DeliveryFailure("/appeals/address or /orders/mail/server is not set")
    send(server, mail_of(appeal, to, server.sender or to))


async def _run(context: Context, numbers: Sequence[int]) -> None:
    said = ["appeals", "deliver", "--config", str(context.config_file), *map(str, numbers)]
    try:
        ended = await run_job(said, NICENESS, JOB_S)
        fault = None if ended.exit_code in (0, 1) else ended.stderr or f"exit code {ended.exit_code}"
    except TimeoutError:
        fault = f"no end within {JOB_S:g} s"
    if fault is not None:
        await asyncio.to_thread(_note_left, context.engine, numbers, fault)


def _note_left(engine: Engine, numbers: Sequence[int], fault: str) -> None:
    with writing(engine) as conn:
        note_fault(conn, numbers, fault)
