"""Requests as short messages: sent to the caregivers who have chosen to answer so, and read where they come back.

    Ayesha ne 30 minute mazeed maange hain (parhai). Ijazat: 1 4821 likhein. Nahin: 2 4821. -ISP

A yes opens exactly what was asked for, and only where the caregiver's role may give it.  Where a person has paused the
child, the message says so and has a 3 in the place of the 1, which ends the pause: a 1 never does.
Invariants: what comes back counts only from the number that its code was sent to (parental.people.request_messages);
a number without codes gets no message, so that no one has us write to strangers; neither number nor text is logged.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from mgmt.contract.errors import NotInForce
from mgmt.ledger.event import Actor
from mgmt.registers.households import note_choice
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.permissions import permissions_of
from mgmt.text.language import language
from mgmt.web.family.acts import answers
from mgmt.web.family.in_force import publish
from mgmt.web.family.sign_in import DOOR
from mgmt.web.family.sms import texts_of
from mgmt.web.family.times import plain
from mgmt.web.family.whose import about, named
from mgmt.web.kit.app_context import CLOCK, ENGINE, SETTINGS, read_in, write_in
from parental.people import request_messages
from parental.people.household import By
from parental.people.login_codes import plain_digits
from parental.people.phones import Phones, international, plain_number
from parental.people.request_messages import DIGITS, Answerer, Due
from parental.people.requests import OPEN, Request, get_request
from parental.policy.profile import is_open
from parental.policy.profiles import get_profile
from parental.store.errors import BadPerson, BadProfile, DatabaseFault, NoPerson, NotNow

YES, RESUME = "1", "3"  # and 2 is no
_ANSWER = re.compile(rf"\D*([123])\D*([0-9]{{{DIGITS}}})\D*")
_DONE = {YES: "request answered yes by message", RESUME: "resumed by message"}
NOT_NOW = "request answered no by message"

Message = tuple[str, str]  # number and text


async def tell(app: web.Application) -> int:
    """Send what has been asked since; how many messages.   Raises DatabaseFault"""
    sender, key, settings = app[DOOR].sender, app[SETTINGS].phone_key, app[SETTINGS]
    if sender is None or key is None:
        return 0
    phones, now, most = Phones(key), app[CLOCK](), sender.room
    if not await read_in(app[ENGINE], lambda conn: request_messages.due(conn, now, most)):
        return 0

    def put(conn: Connection) -> list[Message]:
        found = [_message(conn, phones, each, settings, now) for each in request_messages.due(conn, now, most)]
        return [each for each in found if each is not None]

    messages = await write_in(app[ENGINE], put)
    for number, text in messages:
        sender.post(number, text)
    return len(messages)


async def take(app: web.Application, number: str, text: str) -> None:
    """Do what a message says that came from a number; nothing for one that is no caregiver's.

    number  as the gateway writes it.   Raises DatabaseFault, and then it can come once more"""
    sender, key, settings = app[DOOR].sender, app[SETTINGS].phone_key, app[SETTINGS]
    if sender is None or key is None:
        return
    try:
        plain_from = plain_number(international(number, settings.country))
    except BadPerson:
        return
    phones, now = Phones(key), app[CLOCK]()
    said = _ANSWER.fullmatch(plain_digits(text))

    def work(conn: Connection) -> tuple[str, str]:
        spent = request_messages.spend(conn, phones, phones.digest(plain_from), said[2] if said else "")
        if spent.account is None:
            return "", ""
        texts = texts_of(conn, spent.account, settings)
        if spent.by is None or said is None:
            return texts["family.sms.request.unknown"], ""
        return _answered(conn, spent.by, said[1], texts, now)

    words, unless_live = await write_in(app[ENGINE], work)
    if unless_live:
        try:
            await publish(app)
        except (NotInForce, DatabaseFault):  # stored, and its card says so until it is in force
            words = unless_live
    if words:
        sender.post(plain_from, words)


def _message(conn: Connection, phones: Phones, due: Due, settings: Settings, now: datetime) -> Message | None:
    """None: this role cannot say yes, there is no code for it, or the key of people is another one now."""
    # First, so that what cannot be sent is not looked at again and again.
    code = request_messages.put_code(conn, phones, due.request, due.caregiver)
    if code is None or _needed(due.name) not in permissions_of((due.role,)):
        return None
    try:
        number, name = phones.open(due.phone), named(conn, due.profile).name
    except (ValueError, NoPerson):
        return None
    texts = texts_of(conn, due.account, settings)
    said = texts[_asks(conn, due, now)]
    why = texts[f"family.sms.why.{due.why}"]
    values = {"child": name, "minutes": due.minutes, "page": due.name, "why": why, "code": code}
    return number, said.format(**values, isp=settings.isp_name)


def _asks(conn: Connection, due: Due, now: datetime) -> str:
    """The message that says what is asked for."""
    if due.name is not None:
        return "family.sms.request.page"
    is_paused = answers.ended_by(get_profile(conn, due.profile), now) is not None
    return "family.sms.request.paused" if is_paused else "family.sms.request.minutes"


def _answered(conn: Connection, by: Answerer, digit: str, texts: Mapping[str, str], now: datetime) -> tuple[str, str]:
    """What the caregiver reads, and instead of it where that cannot be put in force now; '': nothing was opened."""
    asked, actor, is_yes = by.request, Actor("caregiver", str(by.caregiver), by.role), digit in _DONE
    if is_yes and _needed(asked.name) not in permissions_of((by.role,)):
        return texts["family.sms.request.late"], ""
    try:
        with conn.begin_nested():  # all of an answer, or none of it; that the code was used stays
            _answer(conn, by, digit, now)
            note_choice(conn, asked.account, actor, _DONE.get(digit, NOT_NOW), about(conn, asked.profile), now)
            return _done(conn, asked, digit, texts, now), texts["family.sms.request.stored"] if is_yes else ""
    except (NotNow, NoPerson, BadProfile):
        return _why_not(conn, asked, digit, texts, now), ""


def _why_not(conn: Connection, asked: Request, digit: str, texts: Mapping[str, str], now: datetime) -> str:
    """What the caregiver reads of an answer that opened nothing."""
    may_be_kept = digit == YES and asked.minutes is not None and asked.state_at(now) == OPEN
    if may_be_kept and answers.ended_by(get_profile(conn, asked.profile), now) is not None:
        return texts["family.sms.request.kept"].format(child=named(conn, asked.profile).name)
    return texts["family.sms.request.late"]


def _answer(conn: Connection, by: Answerer, digit: str, now: datetime) -> None:
    asked, who = by.request, By("caregiver", str(by.caregiver), by.role)
    if digit == RESUME:
        answers.end_pause(conn, asked.profile, asked.id, who, now)
    elif digit != YES:
        answers.refuse(conn, asked.profile, asked.id, now)
    elif asked.minutes is None:
        answers.open_page(conn, asked.profile, asked.id, now)
    else:
        answers.give(conn, asked.profile, asked.id, asked.minutes, who, now)


def _done(conn: Connection, asked: Request, digit: str, texts: Mapping[str, str], now: datetime) -> str:
    name = named(conn, asked.profile).name
    if digit != YES:
        return texts["family.sms.request.resumed" if digit == RESUME else "family.sms.request.no"].format(child=name)
    until_s = get_request(conn, asked.id).until_s
    rules = get_profile(conn, asked.profile)
    if until_s is None:
        opened = "family.sms.request.opened" if is_open(rules, now) else "family.sms.request.opened.later"
        return texts[opened].format(child=name, page=asked.name)
    zone = ZoneInfo(rules.schedule.zone)
    t, ends = language("en"), datetime.fromtimestamp(until_s, zone)  # Roman Urdu has English figures
    return texts["family.sms.request.yes"].format(child=name, time=plain(t.moment(now.astimezone(zone), ends)))


def _needed(name: str | None) -> str:
    """The permission of a yes: to minutes, or to a page."""
    return "account.pause" if name is None else "account.children"
