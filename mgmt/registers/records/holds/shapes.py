"""A legal hold as people read it."""

from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from mgmt.registers.records.holds.scope import Scope, iso

WAITS, IN_FORCE, ENDED, REFUSED = "waits", "in force", "ended", "not begun"


class Hold(NamedTuple):
    """A hold, and what the approval says that begins it."""

    id: int
    since_s: int
    until_s: int
    order: int | None
    list: str | None
    category: str | None
    subscriber: str | None
    keeps_keys: bool
    begun_ms: int | None
    gone_before_s: int | None
    approval: int
    reason: str
    reference: str
    expires_s: int
    proposer: str
    approver: str | None
    lapsed_ms: int | None

    @property
    def scope(self) -> Scope:
        return Scope(*self[1:8])


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


def shown(hold: Hold) -> LegalHold:
    """The same for people."""
    scope = hold.scope
    return LegalHold(
        hold=hold.id,
        approval=hold.approval,
        state=_state(hold),
        since=None if scope.since_s <= 0 else iso(scope.since_s),
        until=iso(scope.until_s),
        order=scope.order,
        list=scope.list,
        category=scope.category,
        subscriber=scope.subscriber,
        keeps_keys=scope.keeps_keys,
        reason=hold.reason,
        reference=hold.reference,
        ends=iso(hold.expires_s),
        begun=_of_ms(hold.begun_ms),
        ended=_of_ms(hold.lapsed_ms),
        gone_before=None if hold.gone_before_s is None else iso(hold.gone_before_s),
        proposer=hold.proposer,
        approver=hold.approver,
    )


def line_of(hold: Hold) -> str:
    """One that is in force, on one line: 'hold 3, by WP 1/2026, until …: records from …'."""
    return f"hold {hold.id}, by {hold.reference}, until {iso(hold.expires_s)}: {hold.scope.text()}"


def _state(hold: Hold) -> str:
    if hold.lapsed_ms is not None:
        return REFUSED if hold.begun_ms is None else ENDED
    return WAITS if hold.begun_ms is None or hold.approver is None else IN_FORCE


def _of_ms(ms: int | None) -> str | None:
    return None if ms is None else iso(ms // 1000)
