"""Time in words: what holds now, and what is odd about a family's cards, in one sentence of a language."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mgmt.text.language import Language
from parental.calendar.card import Card, Kind
from parental.calendar.conflicts import Conflict
from parental.calendar.day_sets import Calendar
from parental.calendar.quota import Quota
from parental.calendar.resolution import CardSpan
from parental.calendar.screen_time import ends_by
from parental.calendar.state import Openness, State, state_at
from parental.policy.profile import QUOTA, Profile, without_quota
from parental.policy.schedule import DAY_MINUTES

MINUTE = timedelta(minutes=1)


class ProfileTimes(NamedTuple):
    """What a profile's state follows from.   bucket  of its screen time, None: it has no limit"""

    rules: Profile
    cards: tuple[Card, ...]
    calendar: Calendar
    bucket: Quota | None

    def state_at(self, at: datetime) -> State:
        """What holds at an instant.   Cost: some ms"""
        return state_at(self.rules, self.cards, self.calendar, at)

    def as_told(self, kinds: Collection[str]) -> "ProfileTimes":
        """The same, where hours that would leave open what no list holds are closed hours: nothing is open in them.

        kinds  categories and services that a list in force holds"""

        def told(allowed: frozenset[str] | None) -> frozenset[str] | None:
            return allowed if allowed is not None and not allowed.isdisjoint(kinds) else None

        schedule = self.rules.schedule
        if not schedule.has_soft and all(each.allowed is None for each in self.cards):
            return self
        intervals = tuple(replace(each, allowed=told(each.allowed)) for each in schedule.intervals)
        rules = replace(self.rules, schedule=replace(schedule, intervals=intervals))
        return self._replace(rules=rules, cards=tuple(replace(each, allowed=told(each.allowed)) for each in self.cards))


def card_words(card: Card, t: Language) -> Markup:
    """A card's name: of its kind, or the family's own."""
    return t.plain(card.label) if card.kind is Kind.OTHER else t.say(f"time.card.{card.kind}")


def hours_words(start: int, end: int, t: Language) -> Markup:
    """'9:30 pm to 6:30 am'   start, end  minutes; past 1440: of the next day"""
    return t.say("time.hours", start=t.clock(_clock(start)), end=t.clock(_clock(end)))


def card_hours_words(card: Card, t: Language) -> Markup:
    """A card's own hours: '9:30 pm to 6:30 am', or 'iftar to 9:00 pm'."""
    start, end = t.clock(_clock(card.start_minute)), t.clock(_clock(card.start_minute + card.minutes))
    return t.say(
        "time.hours",
        start=start if card.begins is None else t.say(f"time.sun.{card.begins}"),
        end=end if card.ends is None else t.say(f"time.sun.{card.ends}"),
    )


def conflict_words(conflict: Conflict, t: Language) -> Markup:
    """What is odd, in a sentence."""
    days = _days_words(conflict, t)
    if conflict.first is None:
        return t.say(f"time.conflict.{conflict.sort}", days=days)
    if conflict.second is None:
        name, hours = card_words(conflict.first.card, t), card_hours_words(conflict.first.card, t)
        return t.say(f"time.conflict.{conflict.sort}", days=days, card=name, hours=hours)
    names = {"first": card_words(conflict.first.card, t), "second": card_words(conflict.second.card, t)}
    both = {"hours": _hours_of(conflict.first, t), "others": _hours_of(conflict.second, t)}
    return t.say(f"time.conflict.{conflict.sort}", days=days, **names, **both)


def held_words(held: ProfileTimes, state: State, now: datetime, t: Language) -> Markup:
    """What holds now, with what is left of screen time, and what else closes it.   state  of now;   now  local"""
    left = _left(held, state, now)
    words = state_words(state, now, t, left)
    if state.why == QUOTA:
        other = held._replace(rules=without_quota(held.rules)).state_at(now)
        if other.state is Openness.CLOSED:
            return t.say("list.between").join((state_words(other, now, t, None), words))
    if left is None or left < MINUTE or state.why not in ("", QUOTA):
        return words
    ends = ends_by(held.rules, now)
    if ends - now > left - MINUTE:
        return words
    name = "ready" if state.why == QUOTA else "running"  # not all that is left can be had
    return t.say(f"time.state.{name}.until", time=t.moment(now, ends.astimezone(now.tzinfo)))


def state_words(state: State, now: datetime, t: Language, left: timedelta | None) -> Markup:
    """What holds now.   now  local;   left  of the day's screen time, where it runs or closes"""
    if state.why == QUOTA:
        is_spent = left is None or left < MINUTE
        return t.say("time.state.spent") if is_spent else t.say("time.state.ready", left=t.span(left or timedelta()))
    if state.state is Openness.OPEN and left is not None:
        return t.say("time.state.running", left=t.span(left))
    name, values = _message_of(state, t)
    if state.until is None:
        return t.say(f"time.state.{name}", **values)
    until = t.moment(now, state.until.astimezone(now.tzinfo))
    return t.say(f"time.state.{name}.until", time=until, **values)


def plain(words: Markup) -> str:
    """Words as text without markup."""
    return words.striptags()


def _left(held: ProfileTimes, state: State, now: datetime) -> timedelta | None:
    """What is left of today's screen time, where that is what it is about."""
    bucket, now_s = held.bucket, int(now.timestamp())
    if bucket is None or not (bucket.is_running(now_s) or state.why == QUOTA):
        return None
    today = now.astimezone(ZoneInfo(held.rules.schedule.zone)).date()
    return timedelta(seconds=bucket.left_s(now_s, today))


def _message_of(state: State, t: Language) -> tuple[str, dict[str, Markup]]:
    if state.card is not None:
        return "soft" if state.state is Openness.PARTLY else "card", {"card": card_words(state.card, t)}
    if state.why == "pause":
        return "pause", {}
    return str(state.state), {}


def _days_words(conflict: Conflict, t: Language) -> Markup:
    """'School days', or the weekdays where it is not all of them: 'School days, Monday, Friday'."""
    name = t.say(f"time.days.{conflict.day_set}")
    weekdays: Sequence[Markup] = [t.weekday(day) for day in conflict.weekdays] if len(conflict.weekdays) < 7 else []
    return t.say("list.between").join((name, *weekdays))


def _hours_of(closing: CardSpan, t: Language) -> Markup:
    return hours_words(closing.start, closing.end, t)


def _clock(minute: int) -> time:
    return time(*divmod(minute % DAY_MINUTES, 60))
