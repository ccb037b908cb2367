"""The card of a child, or of the whole home: its state in words, and the one button that the state asks for.

Invariants: what nothing of the child's can enforce is not offered: a sentence replaces it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy import Connection

from mgmt.text.language import Language
from mgmt.web.family.acts.request_cards import RequestCard, askings_of
from mgmt.web.family.acts.taps import HOURS_OPEN, TAPS, can_undo, revision_of
from mgmt.web.family.session import Session
from mgmt.web.family.times import ProfileTimes, held_words
from parental.calendar import exceptions, plans, screen_time
from parental.calendar.card import Card as Hours
from parental.calendar.day_sets import Calendar
from parental.calendar.quota import Quota
from parental.calendar.state import Openness, State
from parental.people.accounts import get_account, lines_of
from parental.people.caregivers import with_same_phone
from parental.people.children import Child, children_of
from parental.people.levels import LOCKS, FreeLine, Level, free_lines, level_of, rules_of
from parental.policy.profile import Profile, is_closed_by_quota_alone
from parental.policy.profiles import load_profiles
from parental.store.errors import NotNow

DRAWINGS = ("kite", "boat", "flower", "ball", "star", "cat")  # of templates/drawings.html
HOME = "home"
SIGNS = {
    "pause": "⏸",
    "resume": "▶",
    "plus": "⏱",
    "tonight": "🌙",
    "open": "🔓",
    "reopen": "▶",
    "close": "🔒",
    "start": "▶",
    "stop": "⏹",
}
PAGE = "answer-page"  # the deed that opens one for good, no matter what else closes it
CUTTING = ("pause", "close")  # deeds whose receipt says how many connections they ended
MOST_CARDS = 9  # of a page, in 20 kB; the next ones are a tap away
STATE_SIGNS = {
    "pause": "⏸",
    "quota": "⏳",
    "closed_until": "🔒",
    "schedule": "🌙",
}
OPEN_SIGN, PARTLY_SIGN, NOTHING_SIGN = "✅", "📚", "➖"


class Button(NamedTuple):
    """did  of TAPS;   hours  to choose from, of "open for" """

    did: str
    sign: str
    hours: tuple[tuple[int, timedelta], ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """What a card shows.

    icon, words   what holds;   big  None: nothing can be done here;   small  the other buttons
    receipt       of the last tap, where it was on this card;   has_undo  whether it can be taken back
    revision      of its last change;   child  its number, None: a line's;   has_rules  names at least can be closed"""

    profile: int
    child: int | None
    name: str
    drawing: str
    icon: str
    words: Markup
    big: Button | None
    small: tuple[Button, ...]
    receipt: Markup | None
    has_undo: bool
    revision: int
    has_rules: bool

    @property
    def has_report(self) -> bool:
        """Whether it is a child's: there is no report of adults."""
        return self.child is not None

    @property
    def can_be_paused(self) -> bool:
        """Whether "pause everyone" closes something here."""
        return self.big is not None and self.big.did != "resume"


class Home(NamedTuple):
    """What a household's page shows.

    cards      of this page;   more  the number of the next page, None: this is the last;   n_cards  of all pages
    level      of its first line;   asked  what waits for an answer
    elsewhere  other households of the same telephone: caregiver there, and their name
    free       lines for a first child, where none exists yet;   is_new  no rules and no hours either"""

    level: Level
    asked: list[RequestCard]
    cards: list[Card]
    more: int | None
    n_cards: int
    elsewhere: list[tuple[int, str]]
    free: list[FreeLine]
    is_new: bool

    @property
    def can_be_paused(self) -> bool:
        """Whether there are several cards, and something is left to be closed, as far as this page knows."""
        has_other_pages = self.n_cards > len(self.cards)
        return has_other_pages or (self.n_cards > 1 and any(card.can_be_paused for card in self.cards))


def home_of(
    conn: Connection,
    session: Session,
    closable: Collection[str],
    t: Language,
    now: datetime,
    nth: int = 1,
    most: int = MOST_CARDS,
) -> Home:
    """The page of a household.   closable  of filter_state;   nth  from 1 on; the first in the place of one that there
    is not

    Cost: some ms"""
    calendar = plans.calendar_of(conn, session.account)
    lines = lines_of(conn, session.account)
    children = children_of(conn, session.account)
    whose = [_CardOwner(child.profile, child.nickname, drawing_of(child), child.id) for child in children]
    whose += [_CardOwner(line.id, line.label, HOME, None) for line in lines if line.profile == line.id]
    nth = nth if 0 < nth <= -(-len(whose) // most) else 1
    here = whose[(nth - 1) * most : nth * most]
    numbers = [each.profile for each in here]
    rules, hours = load_profiles(conn, numbers), plans.cards_of(conn, numbers)
    buckets = {number: screen_time.quota_of(conn, number) for number in numbers}
    held = {number: ProfileTimes(rules[number], hours.get(number, ()), calendar, buckets[number]) for number in numbers}
    held = {number: each.as_told(closable) for number, each in held.items()}
    cards = [_card(conn, session, each, held[each.profile], t, now) for each in here]
    level = level_of(conn, lines[0].id, session.account, lines[0].profile) if lines else Level.HOME
    asked = askings_of(conn, session, {each.profile: (each.name, each.drawing) for each in whose}, t, now)
    asks = session.may("account.children") and not children and len(whose) <= most  # a school has a page for it
    free = free_lines(conn, session.account) if asks else []
    is_new = not any(each.blocked_categories or each.schedule.intervals for each in rules.values())
    more = nth + 1 if len(whose) > nth * most else None
    return Home(level, asked, cards, more, len(whose), _elsewhere(conn, session), free, is_new)


def drawing_of(child: Child) -> str:
    """The child's picture; of one without, or with one that this release does not have, any."""
    return child.drawing if child.drawing in DRAWINGS else DRAWINGS[child.id % len(DRAWINGS)]


def lack_of(offered: Collection[str], child: object) -> str:
    """The message that says why not all can be closed; '': all can.

    offered  of parental.people.levels;   child  None: it is about a line"""
    if set(LOCKS) <= set(offered):
        return ""
    if child is None:
        return "family.names.only.line" if offered else "family.nothing.line"
    return "family.names.only" if offered else "family.nothing"


def receipt_words(receipt: Mapping[str, Any], t: Language) -> Markup:
    """'closed 9:00:03 pm, 14 connections ended, 0 still open': what the last tap has done, by the workers' word."""
    at = t.clock(datetime.fromisoformat(receipt["at"]), seconds=True)
    said = [t.say(f"family.receipt.{receipt['did']}", time=at)]
    if receipt.get("connections_ended") is not None and receipt["did"] in CUTTING:
        ended = "family.receipt.cut.together" if len(receipt.get("profiles", ())) > 1 else "family.receipt.cut"
        said.append(t.say(ended, count=receipt["connections_ended"]))  # one number, which no one can divide by cards
    if receipt.get("cut") is not None and receipt["cut"].get("by") != "quic":  # then TCP goes on, and is not counted
        said.append(t.say("family.receipt.still", count=receipt["cut"]["still_open"]))
    return t.say("list.between").join(said)


def receipt_of(session: Session, profile: int, t: Language, now: datetime) -> tuple[Markup | None, bool]:
    """The receipt of the session's last deed in words, where it was of this profile, and whether it can be undone."""
    receipt = session.receipt
    if receipt is None or profile not in receipt.get("profiles", ()):
        return None, False
    return receipt_words(receipt, t) if "at" in receipt else None, can_undo(receipt, now)


def _elsewhere(conn: Connection, session: Session) -> list[tuple[int, str]]:
    others = [] if session.caregiver is None else with_same_phone(conn, session.caregiver)
    there = [each for each in others if each.account != session.account]
    return [(each.id, get_account(conn, each.account).name or str(each.account)) for each in there]


class _CardOwner(NamedTuple):
    """Whose a card is.   child  its number, None: a line's"""

    profile: int
    name: str
    drawing: str
    child: int | None


def _card(
    conn: Connection, session: Session, whose: _CardOwner, held: ProfileTimes, t: Language, now: datetime
) -> Card:
    (profile, name, drawing, child), (rules, hours, calendar, bucket) = whose, held
    state, here = held.state_at(now), now.astimezone(ZoneInfo(rules.schedule.zone))
    words = held_words(held, state, here, t)
    big: Button | None
    big, small = _Choice(rules, hours, calendar, state, bucket, now).buttons()
    offered = rules_of(conn, profile)
    if not set(LOCKS) <= set(offered):
        words, big, small = t.say(lack_of(offered, child)), None, []
    may = [each for each in small if session.may(TAPS[each.did].permission)]
    said, has_undo = receipt_of(session, profile, t, now)
    if said is not None and session.receipt and session.receipt["did"] == PAGE and state.state is Openness.CLOSED:
        said = t.say("list.between").join([said, t.say("family.receipt.later")])
    revision = revision_of(conn, profile)
    icon = icon_of(state) if big is not None else NOTHING_SIGN
    return Card(profile, child, name, drawing, icon, words, big, tuple(may), said, has_undo, revision, bool(offered))


class _Choice(NamedTuple):
    """What a card offers, by what holds."""

    rules: Profile
    hours: tuple[Hours, ...]
    calendar: Calendar
    state: State
    bucket: Quota | None
    now: datetime

    def buttons(self) -> tuple[Button, list[Button]]:
        """The big one, and the small ones."""
        why = self.state.why
        if why == "pause":
            return _button("resume"), []
        if self.state.state is Openness.OPEN:
            return _button("pause"), self._of_open()
        if why == "closed_until":
            return _button("reopen"), [_button("pause")]
        small = [*self._tonight(), Button("open", SIGNS["open"], tuple((n, timedelta(hours=n)) for n in HOURS_OPEN))]
        if why == "quota" and self._of_quota() == "start":  # which the child can tap, too
            return _button("start"), [_button("plus"), *small, _button("pause")]
        if why == "quota":
            return _button("plus"), small
        return _button("plus"), [*small, *([_button("pause")] if self.state.state is Openness.PARTLY else [])]

    def _of_open(self) -> list[Button]:
        if self.state.why in ("plus", "ticket", "tonight_off", "open_until"):
            return [_button("close")]
        is_running = self.bucket is not None and self.bucket.is_running(int(self.now.timestamp()))
        return [
            *([_button("stop")] if is_running else []),
            *([_button("plus")] if self.state.until is not None else []),
            *self._tonight(),
        ]

    def _tonight(self) -> list[Button]:
        try:
            exceptions.tonight_off(self.rules, self.hours, self.calendar, self.now)
        except NotNow:
            return []
        return [_button("tonight")]

    def _of_quota(self) -> str:
        """Screen time is started where some of it is left, and nothing else keeps it closed."""
        assert self.bucket is not None
        if not is_closed_by_quota_alone(self.rules, self.now):
            return "plus"
        today = self.now.astimezone(ZoneInfo(self.rules.schedule.zone)).date()
        return "start" if self.bucket.left_s(int(self.now.timestamp()), today) >= 60 else "plus"


def _button(did: str) -> Button:
    return Button(did, SIGNS[did])


def icon_of(state: State) -> str:
    """The sign of what holds."""
    if state.state is Openness.OPEN:
        return OPEN_SIGN
    return PARTLY_SIGN if state.state is Openness.PARTLY else STATE_SIGNS[state.why]
