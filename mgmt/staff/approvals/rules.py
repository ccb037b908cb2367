"""The rules by which two persons agree to a thing, for everything in the product that takes two.

    proposed by one → approved by another → control checks it again and puts it in force → ends by itself

Both sign with a passkey at the desk, or they say their names on the box, where nothing is proven and control may not
take it.
Invariants: no database and no clock, rows and times are given; two persons differ in their groups, and in their names
also where case, spaces and widths are left out; what has an end ends within the longest time of its kind.
"""

import enum
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row

from mgmt.ledger.event import Actor
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.staff.issuers import folded

GROUPS = ("approver", "compliance", "engineer")  # of names that are said on the box
NAMES, DESK = "names", "desk"  # the way: said on the box, or signed
PROPOSED, APPROVED = PARTS = ("proposed", "approved")  # of the two persons
LONGEST = timedelta(days=30)  # that an approval holds, but a legal hold
MAX_WAITING = 100  # proposals of one thing: someone must read them all
ALONE = "is not by two persons of different groups"
UNREADABLE = "holds what no approval holds"
_WORDS = ("reason", "reference", "collateral")


class ApprovalRefusal(ValueError):
    """An approval is not taken; the message says why."""


class Objection(NamedTuple):
    """Why nothing could come of an approval any more, and what to do."""

    why: str
    do: str


class State(enum.Enum):
    """How far an approval has come."""

    UNSIGNED = enum.auto()  # its proposer is to sign
    WAITING = enum.auto()  # for the second person
    AGREED = enum.auto()  # both have signed, and control is to check it
    REFUSED = enum.auto()  # by a person of the desk, and control is to end it
    GIVEN = enum.auto()  # by control
    ENDED = enum.auto()


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who agrees.

    group    of GROUPS;   account  of this box, which ran the command, or the token through which it was asked
    at_desk  as whom the desk knows the person, who then has the group that is written there; None: a name that was said
    """

    name: str
    group: str
    account: str
    at_desk: Actor | None = None

    @property
    def actor(self) -> Actor:
        """As events name one."""
        return self.at_desk or Actor("person", self.name, self.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What two persons agree to.

    longest      that it may be put in force for, or be signed within, after it is proposed; None: it has no end
    takes_names  whether two names that are said on the box may be enough
    needs_clock  whether control gives it only once the time is known"""

    longest: timedelta | None = LONGEST
    takes_names: bool = False
    needs_clock: bool = True


def digest_of(words: Sequence[object]) -> bytes:
    """What two persons agree to, in one number."""
    return hashlib.sha256(json.dumps(words).encode()).digest()


def state_of(approval: Row[Any], signed: Collection[str] = (), *, is_refused: bool = False) -> State:
    """signed  the parts of which there is a signature;   is_refused  whether a person of the desk has refused it"""
    if approval.lapsed_ms is not None:
        return State.ENDED
    if approval.approved_s is not None:
        return State.GIVEN
    if is_refused:
        return State.REFUSED
    if approval.way == DESK and PROPOSED not in signed:
        return State.UNSIGNED
    return State.AGREED if APPROVED in signed else State.WAITING


def differ(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Whether two persons may agree with one another.   first, second  name and group"""
    return folded(first[0]) != folded(second[0]) and first[1] != second[1]


def refuse_alone(proposal: Row[Any], name: str, group: str) -> None:
    """Raises ApprovalRefusal where the second person, or the group, is the first."""
    if differ((proposal.proposer, proposal.proposer_group), (name, group)):
        return
    same = name if folded(proposal.proposer) == folded(name) else group
    another = "person" if same is name else "group"
    raise ApprovalRefusal(f"approval {proposal.id}: {same} has proposed it; not approved; another {another} must")


def refuse_unnamed(by: Signatory) -> None:
    """Raises ApprovalRefusal for one who is not named, or is of a group that there is not."""
    if by.at_desk is None and by.group not in GROUPS:
        raise ApprovalRefusal(f"group {by.group!r:.40}: unknown; nothing written; write one of {', '.join(GROUPS)}")
    if not by.name.strip():
        raise ApprovalRefusal("name: empty; nothing written; name the person")


def refuse_blank(words: Mapping[str, Any], fields: Sequence[str] = _WORDS) -> None:
    """Raises ApprovalRefusal where it is not said why, by which letter, or what else it closes."""
    for field in fields:
        if not words[field].strip():
            raise ApprovalRefusal(f"{field}: missing; nothing proposed; write it")


def fault_of(approval: Row[Any], kinds: Mapping[str, Kind]) -> str | None:
    """Why two persons have not agreed to anything, no matter who has signed it; None: they have.

    Raises TypeError, AttributeError for what no approval holds"""
    kind = kinds.get(approval.kind)
    if kind is None:
        return "is of a kind that there is not"
    if approval.way != DESK and not kind.takes_names:
        return "is not signed at a desk"
    longest = kind.longest
    if longest is not None and not 0 < approval.expires_s - approval.proposed_s <= longest.total_seconds():
        return f"is for longer than {'a day' if longest.days == 1 else f'{longest.days} days'}"
    if not differ((approval.proposer, approval.proposer_group), (approval.approver, approval.approver_group)):
        return ALONE
    if not all(getattr(approval, field).strip() for field in _WORDS):
        return "has no reason, reference or note of collateral"
    return None


def waits(proposal: Row[Any], kinds: Mapping[str, Kind], now_s: int) -> bool:
    """Whether what two have signed is not given yet: the time is not known, or it was proposed by a clock that is ahead
    of it, and would hold for longer than two may agree to.   now_s  of mgmt.ledger.trusted_clock

    Of what was given, no time is asked but its end: control alone gives it, and another box's clock may be ahead."""
    kind = kinds.get(proposal.kind)
    if kind is not None and not kind.needs_clock:
        return False
    begin_s, end_s = proposal.proposed_s, proposal.expires_s
    is_ahead = isinstance(begin_s, int) and isinstance(end_s, int) and begin_s > now_s
    return now_s == UNKNOWN or (is_ahead and end_s - now_s > LONGEST.total_seconds())


def is_over(approval: Row[Any], now_s: float) -> bool:
    """Whether its end has come."""
    return approval.expires_s is not None and approval.expires_s <= now_s
