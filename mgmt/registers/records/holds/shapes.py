"""A legal hold as people read it."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import Row

from mgmt.registers.records.holds.scope import iso, scope_of

WAITS, IN_FORCE, ENDED, REFUSED = "waits", "in force", "ended", "not begun"


class LegalHold(Struct, kw_only=True):
    """Which records stay although they are old, why, and until when."""

    hold: int
    approval: Annotated[int, Meta(description="That two persons sign: /v1/approvals.")]
    state: Annotated[str, Meta(description="waits (for signatures), in force, ended, or not begun.")]
    since: Annotated[str | None, Meta(description="Of records; null: from the first one.")]
    until: str
    order: int | None
    list: str | None
    category: str | None
    subscriber: Annotated[str | None, Meta(description="A pseudonym: of one subscriber on one day.")]
    keeps_keys: Annotated[bool, Meta(description="The keys of its days stay, too: its pseudonyms can be matched.")]
    reason: str
    reference: Annotated[str, Meta(description="The letter that asks for it.")]
    ends: Annotated[str, Meta(description="When it ends by itself.")]
    begun: str | None
    ended: str | None
    gone_before: Annotated[
        str | None,
        Meta(description="Records of before had been destroyed at their age when it began; null: none it names."),
    ]
    proposer: str
    approver: str | None


def shown(row: Row[Any]) -> LegalHold:
    """A row of mgmt.registers.records.holds.proposals."""
    scope = scope_of(row)
    return LegalHold(
        hold=row.id,
        approval=row.approval,
        state=_state(row),
        since=None if scope.since_s <= 0 else iso(scope.since_s),
        until=iso(scope.until_s),
        order=scope.order,
        list=scope.list,
        category=scope.category,
        subscriber=scope.subscriber,
        keeps_keys=scope.keeps_keys,
        reason=row.reason,
        reference=row.reference,
        ends=iso(row.expires_s),
        begun=_of_ms(row.begun_ms),
        ended=_of_ms(row.lapsed_ms),
        gone_before=None if row.gone_before_s is None else iso(row.gone_before_s),
        proposer=row.proposer,
        approver=row.approver,
    )


def line_of(row: Row[Any]) -> str:
    """One that is in force, on one line: 'hold 3, by WP 1/2026, until …: records from …'."""
    return f"hold {row.id}, by {row.reference}, until {iso(row.expires_s)}: {scope_of(row).text()}"


def _state(row: Row[Any]) -> str:
    if row.lapsed_ms is not None:
        return REFUSED if row.begun_ms is None else ENDED
    return WAITS if row.begun_ms is None or row.approver is None else IN_FORCE


def _of_ms(ms: int | None) -> str | None:
    return None if ms is None else iso(ms // 1000)
