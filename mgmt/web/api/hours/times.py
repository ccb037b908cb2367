"""What the routes of time have in common: whose profile it is, what of it is shown, and how a change goes live."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection, select

from mgmt.contract.shapes import Receipt
from mgmt.registers.households import note_choice
from mgmt.text.accept import LANGUAGES
from mgmt.text.language import Language, language
from mgmt.web.api.accounts import number_in, own_account, tried
from mgmt.web.api.hours.time_shapes import (
    CardView,
    ChangedTime,
    ConflictView,
    DayView,
    Exemption,
    HoursView,
    ScreenTime,
    TimeView,
)
from mgmt.web.api.line_shapes import Day
from mgmt.web.api.subscribers import live_receipt
from mgmt.web.family.times import ProfileTimes, card_hours_words, card_words, conflict_words, held_words, plain
from mgmt.web.kit.app_context import CLOCK, json_response, read, write
from mgmt.web.kit.auth import Principal
from mgmt.web.kit.problems import Problem
from parental.calendar import exceptions, plans, screen_time
from parental.calendar.card import Card
from parental.calendar.conflicts import Conflict, conflicts_of
from parental.calendar.quota import Quota
from parental.calendar.state import Day as DayOf
from parental.calendar.state import Hours, preview
from parental.people.levels import LOCKS, rules_of
from parental.policy.profiles import get_profile
from parental.policy.schedule import DAY_MINUTES, DAYS, minute_text
from parental.store.schema.lines import profiles
from parental.store.schema.people import children

Change = Callable[[Connection, int, int], int | None]  # conn, account, profile; the number of what was added


async def changed(request: web.Request, principal: Principal, action: str, change: Change) -> web.Response:
    """Make a change of the profile of the path, write it into the household's record, and have it published."""

    def store_it(conn: Connection) -> tuple[int, int | None]:
        account, profile = profile_in(conn, request, principal)
        added = tried(change, conn, account, profile)
        note(conn, account, profile, principal, action, request.app[CLOCK]())
        return profile, added

    profile, added = await write(request, store_it)
    shown, receipt = await live(request, profile)
    return json_response(ChangedTime(time=shown, receipt=receipt, id=added))


async def live(request: web.Request, profile: int) -> tuple[TimeView, Receipt]:
    """Have a change published; what holds then, and the receipt."""
    receipt = await live_receipt(request)
    now = request.app[CLOCK]()
    return await read(request, lambda conn: time_shown(conn, profile, now)), receipt


def profile_in(conn: Connection, request: web.Request, principal: Principal) -> tuple[int, int]:
    """The account and the profile of the path, where the token may touch them.   Raises Problem 403, 404"""
    account = own_account(conn, request, principal)
    profile = number_in(request, "profile")
    chosen = select(profiles.c.id).where(profiles.c.id == profile, profiles.c.account == account)
    if conn.execute(chosen).first() is None:
        raise Problem(404, f"profile {profile}: not one of account {account}; nothing done; see its lines", "profile")
    return account, profile


def require_lockable(conn: Connection, profile: int, what: str) -> None:
    """Raises Problem 409 where nothing that answers to the profile could be closed."""
    if not set(LOCKS) <= set(rules_of(conn, profile)):
        raise Problem(
            409,
            f"profile {profile}: no address that packets come from follows it; {what}; give it a line or a prefix",
            "profile",
        )


def note(conn: Connection, account: int, profile: int, principal: Principal, action: str, at: datetime) -> None:
    """Write down what a household chose: of a child by its number, else of a line."""
    child = conn.execute(select(children.c.id).where(children.c.profile == profile)).scalar_one_or_none()
    about = {"line": profile} if child is None else {"child": child}
    note_choice(conn, account, principal.actor, action, about, at)


def time_shown(conn: Connection, profile: int, now: datetime) -> TimeView:
    """What holds for a profile now, and the coming week."""
    rules = get_profile(conn, profile)
    account = conn.execute(select(profiles.c.account).where(profiles.c.id == profile)).scalar_one()
    cards, calendar = plans.cards_of(conn, [profile]).get(profile, ()), plans.calendar_of(conn, account)
    zone = ZoneInfo(rules.schedule.zone)
    bucket = screen_time.quota_of(conn, profile)
    held = ProfileTimes(rules, cards, calendar, bucket)
    here, state = now.astimezone(zone), held.state_at(now)
    spent = None if bucket is None else _screen_time(conn, profile, bucket, now)
    return TimeView(
        profile=profile,
        zone=rules.schedule.zone,
        state=state.state.value,
        why=state.why,
        card=None if state.card is None else state.card.id,
        sentence=in_words(lambda t: held_words(held, state, here, t)),
        allowed=None if state.allowed is None else sorted(state.allowed),
        changes_at=None if state.until is None else _iso(state.until.astimezone(zone)),
        screen_time=spent,
        exceptions=list(map(_exemption, exceptions.held(conn, profile, now))),
        cards=[card_shown(card) for card in cards],
        conflicts=[_conflict(each) for each in conflicts_of(cards, here.date(), calendar.city)],
        week=[_day(each) for each in preview(rules, cards, calendar, here.date())],
    )


def card_shown(card: Card) -> CardView:
    """A card as the API gives it."""
    end = card.start_minute + card.minutes
    return CardView(
        id=card.id,
        kind=card.kind.value,
        label=card.label,
        name=in_words(lambda t: card_words(card, t)),
        days=[cast(Day, DAYS[day]) for day in sorted(card.days)],
        from_=minute_text(card.start_minute),
        to=_end_text(end),
        hours=in_words(lambda t: card_hours_words(card, t)),
        day_sets=[each.value for each in sorted(card.day_sets)],
        is_on=card.is_on,
        allowed=None if card.allowed is None else sorted(card.allowed),
        pack=card.pack,
        begins=None if card.begins is None else card.begins.value,
        ends=None if card.ends is None else card.ends.value,
    )


def in_words(say: Callable[[Language], Markup]) -> dict[str, str]:
    """The same in every language."""
    return {code: plain(say(language(code))) for code in LANGUAGES}


def instant_text(at_s: int) -> str:
    """Unix seconds as RFC 3339."""
    return _iso(datetime.fromtimestamp(at_s, UTC))


def _screen_time(conn: Connection, profile: int, bucket: Quota, now: datetime) -> ScreenTime:
    is_running = bucket.is_running(int(now.timestamp()))
    return ScreenTime(
        minutes=bucket.minutes,
        left_s=screen_time.left_s(conn, profile, bucket, now),
        is_running=is_running,
        ends=instant_text(bucket.ends_s) if is_running and bucket.ends_s is not None else None,
    )


def _exemption(span: exceptions.HeldSpan) -> Exemption:
    return Exemption(
        id=span.id,
        kind=span.kind,
        from_=instant_text(span.from_s),
        until=instant_text(span.until_s),
        by=f"{span.by_kind} {span.by_name}",
        made=instant_text(span.made_s),
    )


def _conflict(found: Conflict) -> ConflictView:
    closings = [each for each in (found.first, found.second) if each is not None]
    return ConflictView(
        sort=found.sort.value,
        day_set=found.day_set.value,
        cards=[each.card.id for each in closings],
        sentence=in_words(lambda t: conflict_words(found, t)),
    )


def _day(found: DayOf) -> DayView:
    return DayView(
        date=found.day,
        day_set=found.day_set.value,
        name=in_words(lambda t: t.say(f"time.days.{found.day_set}")),
        closed=[_hours(each) for each in found.hours],
    )


def _hours(found: Hours) -> HoursView:
    card = found.card
    return HoursView(
        card=None if card is None else card.id,
        name=None if card is None else in_words(lambda t: card_words(card, t)),
        from_=minute_text(found.start),
        to=_end_text(found.end),
        next_day=found.end > DAY_MINUTES,
        allowed=None if found.allowed is None else sorted(found.allowed),
    )


def _end_text(minute: int) -> str:
    return minute_text(minute % DAY_MINUTES or DAY_MINUTES)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
