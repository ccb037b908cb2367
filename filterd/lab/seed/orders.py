"""Orders of two issuers over a month: letters that were pushed, some withdrawn since, and letters that a list names.

Each is read and judged from its body as the API does it.  What control and the workers would have said is played: its
decision and a receipt some milliseconds later.  Two persons confirm each emergency.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from sqlalchemy import Connection

from filterd.images.lists.order_rails import OrderRails
from filterd.images.lists.sources import ORDERS_LIST
from filterd.lab.seed.month import N_DAYS, Change, Month
from filterd.lab.seed.staff import ISSUERS
from mgmt.contract.control import Ack, Receipt, receipt_json
from mgmt.ledger.event import Actor
from mgmt.orders import store
from mgmt.orders.approvals import EMERGENCY, Proposal, approve, propose
from mgmt.orders.base.judge import check_deadline, judge_entries, parse_order
from mgmt.orders.decisions import confirm, settle, taken
from mgmt.staff.approvals.rules import Signatory
from rules.base.protected import ProtectedNames
from rules.lists.source import describe_source

LIST = "pta"
LIST_LETTERS = ("PTA-2026-0000", "PTA-2026-0001", "PTA-2026-0002")  # as filterd.lab.gateway.write_orders() names them
PROTECTED = "isp.example"
GROUNDS = {
    ISSUERS[0]: ("PECA 2016 section 37: indecency", "PECA 2016 section 37: incitement", "PECA 2016 section 37: fraud"),
    ISSUERS[1]: ("interim order in a suit of defamation", "interim order in a suit of copyright"),
}
WITHDRAWALS = ("the court has set it aside", "the site has removed it", "the ground has gone")
WORDS = (
    "amber",
    "cedar",
    "delta",
    "ember",
    "fable",
    "grove",
    "harbor",
    "indigo",
    "jasmine",
    "kestrel",
    "lotus",
    "maple",
)
WORKERS = ("dns-0", "gate-0")
PERSONS = Signatory("A. Khan", "compliance", "lab"), Signatory("B. Ali", "approver", "lab")


@dataclass(frozen=True, slots=True)
class Letter:
    """An order that an issuer pushes.

    withdrawn  the day it is withdrawn, None: it stands;   names  of it, for the blocks of the month"""

    issuer: str
    ref: str
    day: int
    body: dict[str, Any]
    names: tuple[str, ...]
    withdrawn: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What pushes are judged by.   clerks  who pushes, by issuer;   zone  of receipts"""

    clerks: Mapping[str, Actor]
    protected: ProtectedNames
    zone: str


def letters_of(month: Month) -> tuple[Letter, ...]:
    """One or two letters each second working day, some of them withdrawn within two weeks."""
    draw, found = month.draw, list[Letter]()
    numbers = dict.fromkeys(ISSUERS, 0)
    for day in range(2, N_DAYS):
        if month.day(day).weekday() >= 5:
            continue
        for issuer in draw.sample(ISSUERS, draw.choice((0, 1, 1, 2))):
            numbers[issuer] += 1
            found.append(_letter(month, issuer, numbers[issuer], day))
    return tuple(found)


def changes_of(month: Month, letters: Sequence[Letter], desk: Desk) -> list[Change]:
    """Pushes with their receipts, withdrawals with theirs, and the letters of the list."""
    found = [Change(month.in_office(day), partial(_name, ref)) for day, ref in enumerate(LIST_LETTERS)]
    for generation, letter in enumerate(letters, 2):
        pushed = month.in_office(letter.day)
        found.append(Change(pushed, partial(_push, letter, desk)))
        served = pushed + timedelta(milliseconds=month.draw.randint(20, 160))
        found.append(Change(served, partial(_confirm, letter, desk, generation, served - pushed)))
        if letter.withdrawn is not None:
            ended = month.in_office(letter.withdrawn)
            found.append(Change(ended, partial(_withdraw, letter, desk, generation + 1)))
    return found


# ----------------------------------------------------------------------------------------------------------------------


def _letter(month: Month, issuer: str, number: int, day: int) -> Letter:
    draw = month.draw
    year = month.day(day).year
    ref = f"PTA/WA/{number}/{year}" if issuer == ISSUERS[0] else f"WP {400 + number}/{year}"
    names = tuple(dict.fromkeys(_name_of(draw) for _ in range(draw.randint(1, 6))))
    entries: list[Any] = [{"value": name, "scope": draw.choice(("subtree", "exact"))} for name in names]
    # What a clerk's letter also holds: one page, the provider's own name, a slip of the pen, a name twice.
    beside = [f"http://{names[0]}/page/{number}", PROTECTED, "not a name", names[0]]
    entries += beside[number % 6 : number % 6 + 1]
    body: dict[str, Any] = {"issuer": issuer, "ref": ref, "ground": draw.choice(GROUNDS[issuer]), "entries": entries}
    if draw.random() < 0.25:
        body |= {"emergency": True, "deadline": (month.in_office(day) + timedelta(days=1)).isoformat()}
    ends = day + draw.randint(2, 14)
    is_withdrawn = draw.random() < 0.3 and ends <= N_DAYS - 1
    reason = draw.choice(WITHDRAWALS) if is_withdrawn else ""
    return Letter(issuer, ref, day, body, names, ends if is_withdrawn else None, reason)


def _name_of(draw: Random) -> str:
    return f"{draw.choice(WORDS)}-{draw.choice(WORDS)}-{draw.randrange(100)}.example"


def _name(ref: str, conn: Connection, at: datetime) -> None:
    store.number_letter(conn, ISSUERS[0], ref, at)


def _push(letter: Letter, desk: Desk, conn: Connection, at: datetime) -> None:
    body = json.dumps(letter.body, ensure_ascii=False).encode()
    order = parse_order(body)
    check_deadline(order, at)
    store.put_order(conn, order, judge_entries(order, desk.protected), body, at, desk.clerks[letter.issuer])


def _confirm(letter: Letter, desk: Desk, generation: int, took: timedelta, conn: Connection, at: datetime) -> None:
    order = store.get_order(conn, _number(conn, letter))
    if order.is_emergency:
        proposer, approver = PERSONS
        agreed = Proposal(
            kind=EMERGENCY, number=None, reason="confirmed by telephone", reference=letter.ref, collateral="none"
        )
        number = propose(conn, order, agreed, proposer, at)
        approve(conn, number, approver, at)
    _decide(desk, generation, took, conn, at)


def _withdraw(letter: Letter, desk: Desk, generation: int, conn: Connection, at: datetime) -> None:
    number, took = _number(conn, letter), timedelta(milliseconds=60)
    store.withdraw_order(conn, number, letter.reason, at, desk.clerks[letter.issuer])
    _decide(desk, generation, took, conn, at + took)


def _decide(desk: Desk, generation: int, took: timedelta, conn: Connection, at: datetime) -> None:
    """What control makes of what has changed, and every worker's word."""
    rails = OrderRails(describe_source(ORDERS_LIST, None, {"tier": "order"}), desk.protected)
    settle(conn, rails, 0, at)
    confirm(conn, taken(conn), _receipt(desk, generation, took, at), at)


def _number(conn: Connection, letter: Letter) -> int:
    found = store.find_order(conn, letter.issuer, letter.ref)
    assert found is not None, letter.ref
    return int(found.id)


def _receipt(desk: Desk, generation: int, took: timedelta, at: datetime) -> dict[str, Any]:
    ms = took / timedelta(milliseconds=1)
    acks = tuple(Ack(worker, generation, ms, None) for worker in WORKERS)
    return receipt_json(Receipt(generation, acks, ms, at, None), desk.zone)
