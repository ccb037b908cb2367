"""Edits of rules: what is wished of a profile is stored, or refused because it opens something; how it is taken back.

Invariants: a transaction each, with its line in the household's record; what opens anything is refused without the PIN,
judged in the transaction of the change; hours, pauses and exceptions stay as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mgmt.registers.households import note_choice
from mgmt.web.family.session import Session
from mgmt.web.family.whose import about, require_own
from parental.people.levels import PACKETS, rules_of
from parental.policy.profile import SAFE_SEARCH, Profile
from parental.policy.profiles import get_profile, put_profile
from parental.store.errors import NotNow

Wished = Callable[[Profile], Profile]
Undo = Mapping[str, Any]
SETS = ("blocked_categories", "allowed", "denied")
CHOICES = ("safe_search", "youtube", "canaries")


@dataclass(frozen=True, slots=True)
class Opening:
    """What a change opens.

    names    categories, services, and names of the household's own;   choices  of CHOICES, which become weaker"""

    names: tuple[str, ...]
    choices: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.names or self.choices)


class OpeningRefusal(Exception):
    """What was to be done opens something, and the PIN was not given."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self.opening = opening


def opening_of(before: Profile, after: Profile) -> Opening:
    """What `after` opens that `before` closes."""
    names = before.blocked_categories - after.blocked_categories
    own = (before.denied - after.denied) | (after.allowed - before.allowed)
    weaker = [each for each in CHOICES if _strength(after, each) < _strength(before, each)]
    return Opening((*sorted(names), *sorted(own)), tuple(weaker))


def make(conn: Connection, session: Session, profile: int, wished: Wished, now: datetime, *, is_proven: bool) -> Undo:
    """Change rules; how it is undone.   is_proven  the PIN was right

    Raises OpeningRefusal; NoPerson, BadProfile; NotNow where nothing can be enforced, or nothing would change"""
    require_own(conn, session.account, profile)
    before, offered = get_profile(conn, profile), rules_of(conn, profile)
    after = wished(before)
    added = after.blocked_categories - before.blocked_categories
    if not offered or (added & set(PACKETS)) - set(offered) or after == before:
        raise NotNow("nothing of this can be enforced here, or it is so already; nothing changed")
    opening = opening_of(before, after)
    if opening and not is_proven:
        raise OpeningRefusal(opening)
    put_profile(conn, profile, after)
    note_choice(conn, session.account, session.actor, "rules changed", about(conn, profile), now)
    return {"rules": _said(before)}


def allow(conn: Connection, profile: int, name: str) -> Undo:
    """Open one name for good; how it is undone.   Raises NotNow where it is so already; BadProfile"""
    before = get_profile(conn, profile)
    after = replace(before, allowed=before.allowed | {name}, denied=before.denied - {name})
    if after == before:
        raise NotNow(f"{name}: open already; nothing changed")
    put_profile(conn, profile, after)
    return {"rules": _said(before)}


def restore(conn: Connection, profile: int, undo: Undo, _: datetime) -> None:
    """Take an edit back.   undo  of make()"""
    put_profile(
        conn,
        profile,
        replace(
            get_profile(conn, profile),
            blocked_categories=frozenset(undo["blocked_categories"]),
            allowed=frozenset(undo["allowed"]),
            denied=frozenset(undo["denied"]),
            safe_search=undo["safe_search"],
            youtube=undo["youtube"],
            canaries=undo["canaries"],
        ),
    )


def _strength(profile: Profile, choice: str) -> int:
    said = getattr(profile, choice)
    return int(said) if isinstance(said, bool) else SAFE_SEARCH.index(said)


def _said(profile: Profile) -> dict[str, Any]:
    """Of a profile, what an edit can change, as JSON has it."""
    sets = {each: sorted(getattr(profile, each)) for each in SETS}
    return sets | {each: getattr(profile, each) for each in CHOICES}
