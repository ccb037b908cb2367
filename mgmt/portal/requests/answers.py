"""Answers to requests: what a caregiver's yes opens, and how it is taken back.

Invariants: an answer and what it opens are one transaction, so that of two caregivers who answer at once one opens;
what would open nothing is not answered.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mgmt.portal.rules import edits
from parental.calendar import exceptions, plans
from parental.errors import NotNow
from parental.people import requests
from parental.people.household import By
from parental.people.requests import NO, YES
from parental.profile import Span
from parental.profiles import get_profile

Undo = Mapping[str, Any]


def give(conn: Connection, profile: int, number: int, minutes: int, by: By, at: datetime) -> Undo:
    """Answer with minutes.   Raises NotNow, BadProfile"""
    requests.waiting_request(conn, profile, number, at)
    return _open(conn, profile, number, exceptions.more(get_profile(conn, profile), "plus", minutes, at), by, at)


def give_until_bedtime(conn: Connection, profile: int, number: int, by: By, at: datetime) -> Undo:
    """Answer with all the time until bedtime.   Raises NotNow, BadProfile"""
    asked = requests.waiting_request(conn, profile, number, at)
    rules, cards = get_profile(conn, profile), plans.cards_of(conn, [profile]).get(profile, ())
    calendar = plans.calendar_of(conn, asked.account)
    return _open(conn, profile, number, exceptions.until_bedtime(rules, cards, calendar, at), by, at)


def open_page(conn: Connection, profile: int, number: int, at: datetime) -> Undo:
    """Answer by allowing the page, for good.   Raises NotNow, BadProfile"""
    asked = requests.waiting_request(conn, profile, number, at)
    if asked.name is None:
        raise NotNow(f"request {number}: asks for no page; nothing done")
    undo = edits.allow(conn, profile, asked.name)
    requests.answer(conn, number, YES, at)
    return {**undo, "request": number}


def refuse(conn: Connection, profile: int, number: int, at: datetime) -> Undo:
    """Answer no.   Raises NotNow"""
    requests.waiting_request(conn, profile, number, at)
    requests.answer(conn, number, NO, at)
    return {"request": number}


def take_back(conn: Connection, profile: int, number: int, at: datetime) -> None:
    """The request waits again."""
    del profile, at
    requests.reopen(conn, number)


def _open(conn: Connection, profile: int, number: int, span: Span, by: By, at: datetime) -> Undo:
    requests.answer(conn, number, YES, at, until_s=span.until_s)
    return {"exception": exceptions.add(conn, profile, span, by, at), "request": number}
