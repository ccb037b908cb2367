"""Answers to requests: what a caregiver's yes opens, and how it is taken back.

Invariants: an answer and what it opens are one transaction, so that of two caregivers who answer at once one opens;
what would open nothing is not answered; no answer gives minutes while a person keeps it closed, as nothing but ending
that opens it (semantics 3.4): what then asks for minutes is answered by the end of the pause.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mgmt.web.family.acts import rule_edits as edits
from mgmt.web.family.whose import about
from parental.calendar import exceptions, plans
from parental.people import requests
from parental.people.household import By, note
from parental.people.household_names import ALLOWED, household_names
from parental.people.requests import NO, YES, open_requests
from parental.policy.profile import Profile, Span, is_kept_closed, is_open
from parental.policy.profiles import get_profile, resume
from parental.store.errors import BadProfile, NotNow

SAID_YES, UNSAID_YES = "request answered yes", "request yes undone"  # of the household's record

Undo = Mapping[str, Any]


class NotOneSite(BadProfile):
    """A page that no household can open: its name has too many parts, or stands for many sites."""


def give(conn: Connection, profile: int, number: int, minutes: int, by: By, at: datetime) -> Undo:
    """Answer with minutes.   Raises NotNow, BadProfile"""
    requests.waiting_request(conn, profile, number, at)
    return _open(conn, profile, number, exceptions.more(get_profile(conn, profile), "plus", minutes, at), by, at)


def give_until_bedtime(conn: Connection, profile: int, number: int, by: By, at: datetime) -> Undo:
    """Answer with all the time until bedtime.   Raises NotNow, BadProfile"""
    asked = requests.waiting_request(conn, profile, number, at)
    rules, cards = get_profile(conn, profile), plans.cards_of(conn, [profile]).get(profile, ())
    if ended_by(rules, at) is not None:
        raise NotNow(f"request {number}: a person keeps it closed; nothing opened; end that first")
    calendar = plans.calendar_of(conn, asked.account)
    return _open(conn, profile, number, exceptions.until_bedtime(rules, cards, calendar, at), by, at)


def open_page(conn: Connection, profile: int, number: int, at: datetime) -> Undo:
    """Answer by allowing the page, for good.   Raises NotNow, NotOneSite, BadProfile"""
    asked = requests.waiting_request(conn, profile, number, at)
    if asked.name is None:
        raise NotNow(f"request {number}: asks for no page; nothing done")
    undo = edits.allow(conn, profile, _site(asked.name))
    requests.answer(conn, number, YES, at)
    return {**undo, "request": number}


def ended_by(profile: Profile, at: datetime) -> str | None:
    """The tap by which a person ends what a person has closed; None: no one keeps it closed."""
    if not is_kept_closed(profile, at):
        return None
    return "resume" if at.timestamp() < profile.paused_until_s else "reopen"


def end_pause(conn: Connection, profile: int, number: int, by: By, at: datetime) -> None:
    """Answer by ending what a person has closed.   Raises NotNow where no one keeps it closed, BadProfile"""
    asked, ending = requests.waiting_request(conn, profile, number, at), ended_by(get_profile(conn, profile), at)
    if asked.minutes is None or ending is None:
        raise NotNow(f"request {number}: asks for no minutes, or it is not paused; nothing done")
    if ending == "resume":
        resume(conn, profile)
    else:
        reopen(conn, profile, at)
    opened(conn, asked.account, profile, by, at)


def reopen(conn: Connection, profile: int, at: datetime) -> list[list[int | str]]:
    """End what a person has closed until a time; what that was.   Raises NotNow where no one has"""
    held = [row for row in exceptions.held(conn, profile, at) if row.kind == "closed_until"]
    if not held:
        raise NotNow("no one has closed it until a time; nothing changed")
    return exceptions.end(conn, profile, held)


def opened(conn: Connection, account: int, profile: int, by: By, at: datetime) -> list[int]:
    """A person has ended a pause: what waits for minutes has them, unless something else closes it; which.

    The household's record calls each a yes, as the report counts them there."""
    rules = get_profile(conn, profile)
    if not is_open(rules, at):
        return []
    waiting = [each.id for each in open_requests(conn, account, at) if each.profile == profile and each.minutes]
    for number in waiting:
        requests.answer(conn, number, YES, at)
        note(conn, account, by, SAID_YES, about(conn, profile), at)
    return waiting


def refuse(conn: Connection, profile: int, number: int, at: datetime) -> Undo:
    """Answer no.   Raises NotNow"""
    requests.waiting_request(conn, profile, number, at)
    requests.answer(conn, number, NO, at)
    return {"request": number}


def count_yes(conn: Connection, undo: Undo) -> int:
    """How many requests wait again, instead of their yes, when this is undone."""
    return requests.count_yes(conn, [*undo.get("requests", ()), *([undo["request"]] if "request" in undo else ())])


def take_back(conn: Connection, profile: int, number: int, at: datetime) -> None:
    """The request waits again."""
    del profile, at
    requests.reopen(conn, number)


def take_all_back(conn: Connection, profile: int, numbers: list[int], at: datetime) -> None:
    """Those that opened() has answered wait again."""
    for number in numbers:
        take_back(conn, profile, number, at)


def _site(name: str) -> str:
    """The name, where a household may have it among its own.   Raises NotOneSite"""
    try:
        (site,) = household_names(ALLOWED, [name])
    except BadProfile as reason:
        raise NotOneSite(str(reason)) from reason
    return site


def _open(conn: Connection, profile: int, number: int, span: Span, by: By, at: datetime) -> Undo:
    requests.answer(conn, number, YES, at, until_s=span.until_s)
    return {"exception": exceptions.add(conn, profile, span, by, at), "request": number}
