"""/v1/accounts/{id}/…: cards of a profile, and the dates of a household and of the operator.

Invariants: a change makes the weeks again in its own transaction, so that what is shown is what is in force; cards that
nothing could enforce are refused with the reason.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from mgmt.ledger.event import PEOPLE, Event
from mgmt.ledger.store import append
from mgmt.registers.households import note_choice
from mgmt.web.api.accounts import number_in, own_account, tried
from mgmt.web.api.hours.time_shapes import (
    Card,
    ChangedDates,
    ChangedOperatorDates,
    ChangedTime,
    City,
    Dates,
    HouseholdDates,
    OperatorDates,
    Pack,
    Packs,
    RangeName,
    Season,
    ShownDates,
)
from mgmt.web.api.hours.times import changed, require_lockable
from mgmt.web.api.line_shapes import Day
from mgmt.web.api.subscribers import live_receipt
from mgmt.web.kit.app_context import CLOCK, SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.requests import body_of
from parental.calendar import plans, weeks
from parental.calendar.card import Card as CardOf
from parental.calendar.card import Kind
from parental.calendar.clock import minutes_between, parse_clock
from parental.calendar.day_sets import Calendar, DaySet, Range
from parental.calendar.packs import Province, School, provinces
from parental.calendar.sun import City as CityOf
from parental.calendar.sun import Turn, cities, minute_of
from parental.policy.schedule import DAYS, minute_text
from parental.policy.subscriber import is_one_line
from parental.store.errors import BadSchedule


async def add_card(request: web.Request, principal: Principal) -> web.Response:
    """Add a card to a profile."""
    return await _put_card(request, principal, "card added", 0)


async def put_card(request: web.Request, principal: Principal) -> web.Response:
    """Replace a card of a profile."""
    return await _put_card(request, principal, "card changed", number_in(request, "card"))


async def remove_card(request: web.Request, principal: Principal) -> web.Response:
    """Remove a card of a profile; without any it has no closed hours."""
    card, now = number_in(request, "card"), request.app[CLOCK]()

    def change(conn: Connection, _: int, profile: int) -> None:
        plans.remove_card(conn, profile, card)
        weeks.renew(conn, [profile], now)

    return await changed(request, principal, "card removed", change)


async def get_dates(request: web.Request, principal: Principal) -> web.Response:
    """Show which dates are holidays, Ramadan and exams for a household."""
    today = request.app[CLOCK]()
    zone = request.app[SETTINGS].zone
    return json_response(
        await read(request, lambda conn: _dates_shown(conn, own_account(conn, request, principal), today, zone))
    )


async def put_dates(request: web.Request, principal: Principal) -> web.Response:
    """Say which dates are holidays, Ramadan and exams for a household."""
    said, now = await body_of(request, HouseholdDates), request.app[CLOCK]()

    def store_it(conn: Connection) -> int:
        account = own_account(conn, request, principal)
        days = frozenset(DAYS.index(day) for day in said.school_days)
        calendar = tried(lambda: Calendar(days, tuple(_ranges(said.dates)), (), said.shift_days, said.city))
        tried(plans.put_calendar, conn, account, calendar, said.follows_announced)
        weeks.renew_account(conn, account, now)
        note_choice(conn, account, principal.actor, "dates changed", {}, now)
        return account

    account = await write(request, store_it)
    receipt, zone = await live_receipt(request), request.app[SETTINGS].zone
    shown = await read(request, lambda conn: _dates_shown(conn, account, now, zone))
    return json_response(ChangedDates(dates=shown, receipt=receipt))


async def announce(request: web.Request, principal: Principal) -> web.Response:
    """Say which dates are holidays and Ramadan for every household that follows the operator."""
    said = await body_of(request, OperatorDates)

    def store_it(conn: Connection) -> None:
        tried(lambda: plans.announce(conn, _ranges(said.dates)))
        told = {"ranges": len(said.dates)}
        append(conn, Event(PEOPLE, "dates announced", principal.actor, told), request.app[CLOCK]())

    await write(request, store_it)
    return json_response(ChangedOperatorDates(dates=said.dates, receipt=await live_receipt(request)))


async def list_packs(request: web.Request, principal: Principal) -> web.Response:
    """List the school hours and the cities that are known."""
    await read(request, lambda conn: own_account(conn, request, principal))
    found = [_pack(each, name, school) for each in provinces().values() for name, school in each.schools.items()]
    today = request.app[CLOCK]().astimezone(ZoneInfo(request.app[SETTINGS].zone)).date()
    return json_response(Packs(found, [_city(name, each, today) for name, each in cities().items()]))


async def _put_card(request: web.Request, principal: Principal, action: str, number: int) -> web.Response:
    said, now = await body_of(request, Card), request.app[CLOCK]()
    card = tried(_card, said, number)

    def change(conn: Connection, _: int, profile: int) -> int:
        require_lockable(conn, profile, "the card is not kept")
        kept = plans.put_card(conn, profile, card)
        weeks.renew(conn, [profile], now)
        return kept.id

    return await changed(request, principal, action, change)


def _card(said: Card, number: int) -> CardOf:
    if said.label and not is_one_line(said.label):
        raise BadSchedule("label: not one line of text; not accepted; write characters that can be shown")
    start = parse_clock(said.from_)
    return CardOf(
        kind=Kind(said.kind),
        start_minute=start,
        minutes=minutes_between(start, parse_clock(said.to)),
        days=frozenset(DAYS.index(day) for day in said.days),
        day_sets=frozenset(map(DaySet, said.day_sets)),
        label=said.label,
        is_on=said.is_on,
        allowed=None if said.allowed is None else frozenset(said.allowed),
        pack=said.pack,
        begins=None if said.begins is None else Turn(said.begins),
        ends=None if said.ends is None else Turn(said.ends),
        id=number,
    )


def _ranges(said: list[Dates]) -> list[Range]:
    return tried(lambda: [Range(DaySet(each.day_set), each.first, each.last) for each in said])


def _dates_shown(conn: Connection, account: int, now: datetime, zone: str) -> ShownDates:
    calendar = plans.calendar_of(conn, account)
    return ShownDates(
        school_days=[cast(Day, DAYS[day]) for day in sorted(calendar.school_days)],
        dates=_shown(calendar.ranges),
        follows_announced=plans.follows_announced(conn, account),
        shift_days=calendar.shift_days,
        city=calendar.city,
        announced=_shown(calendar.announced),
        today=calendar.sets_of(now.astimezone(ZoneInfo(zone)).date())[0].value,
    )


def _shown(ranges: Iterable[Range]) -> list[Dates]:
    return [Dates(day_set=cast(RangeName, r.day_set.value), first=r.first, last=r.last) for r in ranges]


def _pack(province: Province, name: str, school: School) -> Pack:
    seasons = [
        Season(
            notified_for=each.notified_for,
            source=each.source,
            is_ramadan=each.first is None,
            first=each.first,
            last=each.last,
            hours={day: list(hours) for day, hours in each.hours.items()},
        )
        for each in school.seasons
    ]
    pack = f"{province.province}/{name}"
    return Pack(
        pack=pack, province=province.province, name=school.name, verified_on=province.verified_on, seasons=seasons
    )


def _city(name: str, city: CityOf, today: date) -> City:
    suhoor, iftar = (minute_text(minute_of(turn, name, today) or 0) for turn in (Turn.SUHOOR, Turn.IFTAR))
    return City(city=name, name=city.name, suhoor=suhoor, iftar=iftar)


_ONE = "/v1/accounts/{id}"
_CARDS = _ONE + "/profiles/{profile}/cards"
_PUT_CARD = Contract({200: ChangedTime}, body=Card, refusals=(409,), is_family=True)
_PUT_DATES = Contract({200: ChangedDates}, body=HouseholdDates, is_family=True)
ROUTES = (
    Route("POST", _CARDS, add_card, "account.schedule", replace(_PUT_CARD, adds=True)),
    Route("PUT", _CARDS + "/{card}", put_card, "account.schedule", _PUT_CARD),
    Route(
        "DELETE",
        _CARDS + "/{card}",
        remove_card,
        "account.schedule",
        Contract({200: ChangedTime}, is_family=True),
    ),
    Route("GET", _ONE + "/dates", get_dates, "account.read", Contract({200: ShownDates}, is_family=True)),
    Route("PUT", _ONE + "/dates", put_dates, "account.schedule", _PUT_DATES),
    Route("GET", _ONE + "/packs", list_packs, "account.read", Contract({200: Packs}, is_family=True)),
    Route("PUT", "/v1/dates", announce, "dates.announce", Contract({200: ChangedOperatorDates}, body=OperatorDates)),
)
