"""Edits of cards: one is added, changed, switched or removed; and how that is taken back.

Invariants: a transaction each, with its line in the household's record; what opens anything is refused without the PIN,
judged in the transaction of the change; a form takes the place of the card that it was made of, never of one that was
changed since; an edit is taken back exactly, and only where all cards are still as it left them, for another card may
have been opened since because of this one.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.web.family.acts.openings import cards_loosen
from mgmt.web.family.session import Session
from mgmt.web.family.whose import about, require_own
from mgmt.web.kit.forms import Stale, mark_of
from parental.calendar import plans, weeks
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import DaySet
from parental.calendar.sun import Turn
from parental.people.levels import LOCKS, rules_of
from parental.policy.profiles import get_profile, put_week
from parental.policy.schedule import Interval
from parental.store.errors import NoPerson, NotNow

Undo = Mapping[str, Any]


class NeedsPin(Exception):
    """What was to be done opens something."""


class Edit(NamedTuple):
    """action  of the household's record;   card  the number of the one it is about, 0: a new one

    becomes  what is made of it; None: it is removed"""

    action: str
    card: int
    becomes: Callable[[Card | None], Card | None]


def put(card: Card, seen: str = "") -> Edit:
    """Add a card, or have it take the place of the one of its number.

    seen  the mark of the card that its form was made of: the edit raises Stale where that is not so any more"""

    def becomes(before: Card | None) -> Card:
        if before is not None and seen != mark_of_card(before):
            raise Stale
        return card

    return Edit("card changed" if card.id else "card added", card.id, becomes)


def mark_of_card(card: Card) -> str:
    """What the form of a card that is stored shows."""
    return mark_of(_said(card))


def switch(card: int, *, is_on: bool) -> Edit:
    """Have a card count, or not."""
    return Edit("card changed", card, lambda before: before and replace(before, is_on=is_on))


def remove(card: int) -> Edit:
    return Edit("card removed", card, lambda _: None)


def make(conn: Connection, session: Session, profile: int, edit: Edit, now: datetime, *, is_proven: bool) -> Undo:
    """Do an edit; how it is undone.   is_proven  the PIN was right

    Raises NeedsPin; NoPerson, BadSchedule; Stale; NotNow where nothing can be closed"""
    require_own(conn, session.account, profile)
    if not set(LOCKS) <= set(rules_of(conn, profile)):
        raise NotNow("nothing of the child's can be closed; nothing changed")
    cards = plans.cards_of(conn, [profile]).get(profile, ())
    before = _of(cards, edit.card)
    if edit.card and before is None:
        raise NoPerson(f"card {edit.card}: not one of this profile; nothing done; see its cards")
    week = get_profile(conn, profile).schedule.intervals
    after = edit.becomes(before)
    kept = [each for each in cards if each is not before]
    if not is_proven and cards_loosen(cards, week, kept if after is None else [*kept, after]):
        raise NeedsPin
    stored = _store(conn, profile, edit.card, after)
    weeks.renew(conn, [profile], now)
    note_choice(conn, session.account, session.actor, edit.action, about(conn, profile), now)
    held = [] if cards else _rows(week)
    return {"card": {"was": _said(before), "is": _said(stored), "week": held, "left": _mark(conn, profile)}}


def restore(conn: Connection, profile: int, undo: Undo, now: datetime) -> None:
    """Take an edit back.   undo  of make().   Raises NotNow"""
    was, left = _card(undo["was"]), _card(undo["is"])
    if _mark(conn, profile) != undo.get("left"):  # one kept by a release before has none
        raise NotNow("the hours were changed since by someone else; not taken back; look at them again")
    if was is None and left is not None:
        plans.remove_card(conn, profile, left.id)
    elif was is not None:
        plans.put_card(conn, profile, was if left is not None else replace(was, id=0))
    if undo["week"]:
        put_week(conn, profile, [_interval(each) for each in undo["week"]])
    weeks.renew(conn, [profile], now)


def _store(conn: Connection, profile: int, number: int, card: Card | None) -> Card | None:
    if card is not None:
        return plans.put_card(conn, profile, card)
    plans.remove_card(conn, profile, number)
    return None


def _mark(conn: Connection, profile: int) -> str:
    """What all cards of a profile are."""
    return mark_of(*(_said(each) for each in plans.cards_of(conn, [profile]).get(profile, ())))


def _of(cards: tuple[Card, ...], number: int) -> Card | None:
    return next((each for each in cards if each.id == number), None)


def _said(card: Card | None) -> dict[str, Any] | None:
    """A card as JSON has it."""
    if card is None:
        return None
    lists = {"days": sorted(card.days), "day_sets": sorted(card.day_sets)}
    return asdict(card) | lists | {"allowed": None if card.allowed is None else sorted(card.allowed)}


def _card(said: Mapping[str, Any] | None) -> Card | None:
    if said is None:
        return None
    sets = {"days": frozenset(said["days"]), "day_sets": frozenset(map(DaySet, said["day_sets"]))}
    allowed = None if said["allowed"] is None else frozenset(said["allowed"])
    turns = {each: None if said[each] is None else Turn(said[each]) for each in ("begins", "ends")}
    return Card(**{**said, **sets, **turns, "kind": Kind(said["kind"]), "allowed": allowed})


def _rows(week: tuple[Interval, ...]) -> list[list[Any]]:
    return [
        [each.weekday, each.start_minute, each.minutes, None if each.allowed is None else sorted(each.allowed)]
        for each in week
    ]


def _interval(row: list[Any]) -> Interval:
    weekday, start, minutes, allowed = row
    return Interval(weekday, start, minutes, None if allowed is None else frozenset(allowed))
