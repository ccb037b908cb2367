"""The versions that this box keeps of each list, as control tells web of them, and what going back to one would change.

Invariants: web reads no list: counts, digests and some of the changes come from control; of a confidential list no
change comes, and of a sealed one none can.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from mgmt.contract.control import Control, ControlFailure, Diff
from mgmt.registers.lists.rollbacks import Rollback
from mgmt.staff.approvals.rules import ApprovalRefusal


class ListVersion(Struct, kw_only=True):
    """One version of a list."""

    version: Annotated[str, Meta(description="SHA-256 of its octets, in hex.")]
    at: Annotated[str, Meta(description="When it came.")]
    rules: int
    skipped: Annotated[int, Meta(description="Lines that are not enforced.")]
    bytes: int
    origin: Annotated[str, Meta(description="Where it came from.")] = msgspec.field(name="from")
    seed: Annotated[bool, Meta(description="It came with the configuration.")]
    by: Annotated[str | None, Meta(description="Who has made it good; null: it was found good.")] = None
    why: Annotated[str | None, Meta(description="Of the held one: why it is held.")] = None


class KeptList(Struct, kw_only=True):
    """A list, with the versions that are kept of it."""

    id: str = msgspec.field(name="list")
    tier: str
    sealed: Annotated[bool, Meta(description="No one here can read it.")]
    good: Annotated[ListVersion | None, Meta(description="In force.")] = None
    held: Annotated[ListVersion | None, Meta(description="It waits for a person.")] = None
    older: Annotated[list[ListVersion], Meta(description="Good ones of before, the newest first.")] = []
    faults: list[str] = []


class ListChange(Struct):
    """One rule that only one of two versions has."""

    change: Annotated[Literal["added", "removed"], Meta(description="removed: it is opened.")]
    value: str
    mode: str
    line: int
    why: Annotated[str | None, Meta(description="The rail that stops it; null: none does.")]


class ListDifference(Struct, kw_only=True):
    """What going to another version would change."""

    id: str = msgspec.field(name="list")
    before: Annotated[str, Meta(description="The version in force.")]
    to: str
    added: int
    removed: int
    held: Annotated[dict[str, int], Meta(description="Of the added rules: rail → so many that it stops.")]
    kinds: Annotated[dict[str, int], Meta(description="What the added rules are.")]
    changes: Annotated[list[ListChange], Meta(description="Some of each kind, what a rail stops first.")]


async def kept_lists(control: Control) -> list[KeptList]:
    """Every list of this box.   Raises ControlFailure, OSError, TimeoutError."""
    try:
        return msgspec.convert(await control.list_versions(), list[KeptList])
    except msgspec.ValidationError as reason:
        raise ControlFailure(f"it says of lists what this role cannot read: {reason}") from reason


async def find_list(control: Control, list_id: str) -> KeptList | None:
    """One of them.   Raises as kept_lists()."""
    return next((each for each in await kept_lists(control) if each.id == list_id), None)


def earlier_of(kept: KeptList, version: str) -> ListVersion | None:
    """An earlier good version, by its whole digest."""
    return next((each for each in kept.older if each.version == version), None)


async def compared(control: Control, kept: KeptList, to: ListVersion) -> ListDifference | None:
    """What going to a version would change; None of a sealed list.   Raises as kept_lists()."""
    if kept.sealed:
        return None
    found = await control.list_diff(kept.id, to.version)
    return _difference(found)


async def rollback_of(control: Control, kept: KeptList, before: str, to: str, reason: str, reference: str) -> Rollback:
    """What is proposed, with what it opens and closes.   Raises ApprovalRefusal; as kept_lists()"""
    if kept.good is None or kept.good.version != before:
        now = "none" if kept.good is None else kept.good.version[:16]
        raise ApprovalRefusal(f"list {kept.id}: {now} is in force by now; nothing proposed; load the page again")
    version = earlier_of(kept, to)
    if version is None:
        raise ApprovalRefusal(f"list {kept.id}: no earlier version {to[:16]} is kept; nothing proposed; choose another")
    difference = await compared(control, kept, version)
    return Rollback(kept.id, before, to, reason, reference, collateral_of(kept.good, version, difference))


def collateral_of(good: ListVersion, to: ListVersion, difference: ListDifference | None) -> str:
    """What a rollback opens and closes, in counts."""
    if difference is None:
        return f"{to.rules:,} rules in the place of {good.rules:,}"
    stopped = sum(difference.held.values())
    rails = f", of which rails stop {stopped:,}" if stopped else ""
    return f"opens {difference.removed:,}, closes {difference.added:,}{rails}"


def _difference(found: Diff) -> ListDifference:
    said = found.head | {"before": found.head.get("from"), "changes": found.changes}
    try:
        return msgspec.convert(said, ListDifference)
    except msgspec.ValidationError as reason:
        raise ControlFailure(f"it says of a comparison what this role cannot read: {reason}") from reason
