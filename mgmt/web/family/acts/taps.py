"""Taps: what one button of a card does to a profile, and how it is taken back.

Invariants: a tap is one transaction, with its line in the household's record; what it changed is taken back exactly,
but for screen time that has run, and only while no one has changed the profile since, so that undoing opens nothing
that was closed before the tap.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, select

from mgmt.registers.households import note_choice
from mgmt.web.family.acts import answers, calendars, rule_edits
from mgmt.web.family.acts import hour_edits as edits
from mgmt.web.family.acts.answers import SAID_YES, UNSAID_YES
from mgmt.web.family.frame import number_of
from mgmt.web.family.session import Session
from mgmt.web.family.whose import about, require_own
from parental.calendar import exceptions, plans, screen_time
from parental.calendar.quota import Quota
from parental.people.household import By
from parental.people.levels import LOCKS, rules_of
from parental.policy.profile import UNTIL_RESUMED, is_closed_by_quota_alone
from parental.policy.profiles import get_profile, pause, resume, touch
from parental.store.errors import NoPerson, NotNow
from parental.store.schema.lines import profiles

MINUTES = 30  # of one tap
UNDO = timedelta(seconds=60)  # the bar that takes the last tap back
DEAF = timedelta(seconds=2)  # a finger that taps twice has read nothing of the page between
HOURS_OPEN = (1, 2, 3)  # of "open for"

_REVISION = select(profiles.c.revision).where(profiles.c.id == bindparam("profile"))

Undo = Mapping[str, Any]


class UndoStep(NamedTuple):
    """How what was done to a profile is undone, while its revision is still this one."""

    profile: int
    how: Undo
    revision: int


class TooSoon(NotNow):
    """The same finger again: what the last tap has closed is not opened by it."""


class TapContext(NamedTuple):
    """What a tap has to know.   by  who taps;   fields  of the form"""

    conn: Connection
    profile: int
    by: By
    fields: Mapping[str, str]
    now: datetime


class Tap(NamedTuple):
    """A button.

    permission  that it takes;   loosens  whether the PIN is asked
    action      what the household's record says;   change  makes it, and says how it is undone"""

    permission: str
    loosens: bool
    action: str
    change: Callable[[TapContext], Undo]


def make(conn: Connection, session: Session, did: str, profile: int, fields: Mapping[str, str], now: datetime) -> Undo:
    """Do a tap; how it is undone.   Raises NoPerson for a profile of another household; NotNow, BadProfile"""
    require_own(conn, session.account, profile)
    actor, tap = session.actor, TAPS[did]
    undo = tap.change(TapContext(conn, profile, By(actor.kind, actor.name, actor.role), fields, now))
    note_choice(conn, session.account, actor, tap.action, about(conn, profile), now)
    return undo


def take_back(conn: Connection, session: Session, receipt: Mapping[str, Any], now: datetime) -> None:
    """Undo the last tap of a session, exactly.   Raises NotNow where it is too long ago, TooSoon"""
    if is_deaf(receipt, now) and not _has_opened(receipt):
        raise TooSoon("the last tap was a moment ago; not taken back; tap again")
    if not can_undo(receipt, now):
        raise NotNow("the last tap is too long ago to be taken back; nothing changed")
    for profile, undo, revision in receipt["undo"]:
        require_own(conn, session.account, profile)
        if revision_of(conn, profile) != revision:
            raise NotNow("it was changed since by someone else; not taken back; look at it again")
        whose, n_yes = about(conn, profile), answers.count_yes(conn, undo)
        for kind, value in undo.items():
            _UNDO[kind](conn, profile, value, now)
        for action in (*[UNSAID_YES] * n_yes, "tap undone"):
            note_choice(conn, session.account, session.actor, action, whose, now)


def can_undo(receipt: Mapping[str, Any], now: datetime) -> bool:
    """Whether a receipt's tap can be taken back."""
    return bool(receipt.get("undo")) and 0 <= now.timestamp() - receipt["tapped_s"] < UNDO.total_seconds()


def is_deaf(receipt: Mapping[str, Any], now: datetime) -> bool:
    """Whether the page after the last tap was shown a moment ago."""
    return bool(0 <= now.timestamp() - receipt.get("shown_s", 0) < DEAF.total_seconds())


def would_open_at_once(receipt: Mapping[str, Any], did: str, profile: int, now: datetime) -> bool:
    """Whether a tap comes a moment after one on the same profile, and opens what that one may have closed."""
    is_of_it = profile in receipt.get("profiles", ())
    return TAPS[did].loosens and not _has_opened(receipt) and is_of_it and is_deaf(receipt, now)


def _has_opened(receipt: Mapping[str, Any]) -> bool:
    """Whether the last tap has opened something: to take it back closes, and is heard at once."""
    last = TAPS.get(receipt.get("did", ""))
    return last is not None and last.loosens


def revision_of(conn: Connection, profile: int) -> int:
    """The revision of the last change of a profile: another one later means another change."""
    return int(conn.execute(_REVISION, {"profile": profile}).scalar_one())


def _pause(done: TapContext) -> Undo:
    if not set(LOCKS) <= set(rules_of(done.conn, done.profile)):
        raise NotNow("nothing of the child's can be closed; nothing changed")
    before = get_profile(done.conn, done.profile).paused_until_s
    pause(done.conn, done.profile, None)
    return {"paused": before}


def _resume(done: TapContext) -> Undo:
    before = get_profile(done.conn, done.profile).paused_until_s
    if before <= done.now.timestamp():
        raise NotNow("it is not paused; nothing changed")
    resume(done.conn, done.profile)
    return {"paused": before, "requests": _have_minutes(done)}


def _plus(done: TapContext) -> Undo:
    span = exceptions.more(get_profile(done.conn, done.profile), "plus", MINUTES, done.now)
    return {"exception": exceptions.add(done.conn, done.profile, span, done.by, done.now)}


def _tonight_off(done: TapContext) -> Undo:
    account = done.conn.execute(select(profiles.c.account).where(profiles.c.id == done.profile)).scalar_one()
    cards = plans.cards_of(done.conn, [done.profile]).get(done.profile, ())
    rules = get_profile(done.conn, done.profile)
    span = exceptions.tonight_off(rules, cards, plans.calendar_of(done.conn, account), done.now)
    return {"exception": exceptions.add(done.conn, done.profile, span, done.by, done.now)}


def _open_for(done: TapContext) -> Undo:
    said = done.fields.get("hours", "")
    hours = int(said) if said in map(str, HOURS_OPEN) else HOURS_OPEN[0]
    rules = get_profile(done.conn, done.profile)
    end = done.now.astimezone(ZoneInfo(rules.schedule.zone)) + timedelta(hours=hours)
    span = exceptions.until(rules, "open_until", end, done.now)
    return {"exception": exceptions.add(done.conn, done.profile, span, done.by, done.now)}


def _end_closing(done: TapContext) -> Undo:
    """End what a person has closed until a time."""
    ended = answers.reopen(done.conn, done.profile, done.now)
    return {"exceptions": ended, "requests": _have_minutes(done)}


def _have_minutes(done: TapContext) -> list[int]:
    """What the child has asked for while it was closed is answered by that it is open."""
    account = done.conn.execute(select(profiles.c.account).where(profiles.c.id == done.profile)).scalar_one()
    return answers.opened(done.conn, account, done.profile, done.by, done.now)


def _end_opening(done: TapContext) -> Undo:
    """End what was opened for a while: the hours hold again."""
    held = [row for row in exceptions.held(done.conn, done.profile, done.now) if row.kind != "closed_until"]
    if not held:
        raise NotNow("nothing is opened for a while; nothing changed")
    return {"exceptions": exceptions.end(done.conn, done.profile, held)}


def _start(done: TapContext) -> Undo:
    if not is_closed_by_quota_alone(get_profile(done.conn, done.profile), done.now):
        raise NotNow("something else closes it, or it is open; screen time would run for nothing; nothing started")
    before = _bucket(done)
    screen_time.start(done.conn, done.profile, done.now)
    return before


def _stop(done: TapContext) -> Undo:
    before = _bucket(done)
    screen_time.stop(done.conn, done.profile, done.now)
    return before


def _bucket(done: TapContext) -> Undo:
    """The screen time of a child as it is."""
    found = screen_time.quota_of(done.conn, done.profile)
    return {} if found is None else {"screen_time": {**asdict(found), "day": found.day.isoformat()}}


def _answered(minutes: int) -> Callable[[TapContext], Undo]:
    return lambda done: answers.give(done.conn, done.profile, _request(done), minutes, done.by, done.now)


def _answered_until_bedtime(done: TapContext) -> Undo:
    return answers.give_until_bedtime(done.conn, done.profile, _request(done), done.by, done.now)


def _answered_with_page(done: TapContext) -> Undo:
    return answers.open_page(done.conn, done.profile, _request(done), done.now)


def _refused(done: TapContext) -> Undo:
    return answers.refuse(done.conn, done.profile, _request(done), done.now)


def _request(done: TapContext) -> int:
    return number_of(done.fields.get("request", ""))


TAPS: Mapping[str, Tap] = {
    "pause": Tap("account.pause", False, "paused", _pause),
    "resume": Tap("account.pause", True, "resumed", _resume),
    "plus": Tap("account.pause", True, "minutes given", _plus),
    "tonight": Tap("account.open", True, "tonight off", _tonight_off),
    "open": Tap("account.open", True, "opened until a time", _open_for),
    "reopen": Tap("account.pause", True, "exception undone", _end_closing),
    "close": Tap("account.pause", False, "exception undone", _end_opening),
    "start": Tap("account.pause", False, "screen time started", _start),
    "stop": Tap("account.pause", False, "screen time stopped", _stop),
    "answer-15": Tap("account.pause", True, SAID_YES, _answered(15)),
    "answer-30": Tap("account.pause", True, SAID_YES, _answered(30)),
    "answer-bedtime": Tap("account.open", True, SAID_YES, _answered_until_bedtime),
    "answer-page": Tap("account.children", True, SAID_YES, _answered_with_page),
    "answer-no": Tap("account.pause", False, "request answered no", _refused),
}


def _restore_pause(conn: Connection, profile: int, until_s: int, now: datetime) -> None:
    """Have a pause end when it did before the tap; one that has ended meanwhile stays so."""
    touch(conn, profile, paused_until_s=0 if until_s <= now.timestamp() else min(until_s, UNTIL_RESUMED))


def _drop_exception(conn: Connection, profile: int, number: int, _: datetime) -> None:
    try:
        exceptions.undo(conn, profile, number)
    except NoPerson as exc:
        raise NotNow("it was taken back already; nothing changed") from exc


def _restore_screen_time(conn: Connection, profile: int, said: Undo, now: datetime) -> None:
    """What was ended runs again, and what was begun ends; what has run is used, or begun and undone it had no end."""
    before, held = Quota(**{**said, "day": date.fromisoformat(said["day"])}), screen_time.quota_of(conn, profile)
    now_s = int(now.timestamp())
    if before.is_running(now_s):
        screen_time.put_back(conn, profile, before, now)
    elif held is not None and held.is_running(now_s):
        screen_time.stop(conn, profile, now)


_UNDO: Mapping[str, Callable[[Connection, int, Any, datetime], None]] = {
    "paused": _restore_pause,
    "exception": _drop_exception,
    "exceptions": exceptions.put_back,
    "screen_time": _restore_screen_time,
    "card": edits.restore,
    "calendar": calendars.restore,
    "rules": rule_edits.restore,
    "request": answers.take_back,
    "requests": answers.take_all_back,
}
