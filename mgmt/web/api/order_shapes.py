"""Orders as the API gives them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mgmt.contract.shapes import MAX_WAIT_S, Cursor, Next, Receipt
from mgmt.orders.base.pushed import MAX_ENTRIES, Scope

Issuer = Annotated[str, Meta(description="Whose reference it is.")]


EntryCursor = Annotated[int, Meta(ge=0, le=MAX_ENTRIES, description="The number of the last entry before the page.")]


class AfterEntry(Struct, forbid_unknown_fields=True):
    """Where the page of entries begins."""

    after: EntryCursor = 0


class OrderReference(Struct, forbid_unknown_fields=True):
    """An order by the reference that its issuer gave."""

    issuer: Issuer


class WhichOrders(Struct, forbid_unknown_fields=True):
    """Where the page begins, and which orders are on it."""

    after: Cursor = 0
    review: Annotated[
        Literal["due"] | None, Meta(description="due: those in force that are past their review; left out: all.")
    ] = None


class OrderPart(Struct, forbid_unknown_fields=True):
    """The same, and where the page of entries begins."""

    issuer: Issuer
    after: EntryCursor = 0


class HeldByList(Struct):
    """A list file that holds entries of an order."""

    list: str
    generation: int
    since: str


class OrderStep(Struct):
    """A step of an order."""

    state: Annotated[str, Meta(description="received, validated, approved, enforced, verified, confirmed, …")]
    at: str
    by: Annotated[str, Meta(description="The part of filterd that took it.")]


class OrderClock(Struct):
    """By when an order is to be confirmed."""

    begun: str
    due: str
    stopped: Annotated[str | None, Meta(description="When it was confirmed, or ended; null: it runs.")]
    by: Annotated[Literal["letter", "setting"], Meta(description="Who says so.")]
    state: Annotated[
        Literal["running", "overdue", "in_time", "late", "ended"],
        Meta(description="in_time, late: it was confirmed; ended: withdrawn, expired or rejected before."),
    ]


class OrderCanary(Struct):
    """How an order is tried on one gateway before the others have it."""

    state: Annotated[
        Literal["waiting", "running", "passed", "rolled_back", "over"],
        Meta(description="waiting: for the workers there; over: nothing was left to try."),
    ]
    gateway: str
    entries: int
    since: Annotated[str | None, Meta(description="When every worker there has served it.")]
    until: str | None
    left_s: Annotated[int | None, Meta(description="Seconds until it is in force everywhere; null: it does not run.")]
    blocks: Annotated[int, Meta(description="There, since then; a line counts once a second.")]
    peak: Annotated[int, Meta(description="Blocks of the worst minute.")]
    baseline: Annotated[
        float | None,
        Meta(description="Blocks a minute of all other orders there, in the hour before; null: not known, or none."),
    ]
    ended: str | None
    reason: Annotated[str | None, Meta(description="Why it ended so.")]


class OrderShadow(Struct):
    """What an order would block that is not enforced."""

    state: Annotated[
        Literal["waiting", "starting", "counting", "let_in", "over"],
        Meta(
            description="waiting: eight orders are counted already; starting: for the workers; let_in: by two persons; "
            "over: it was taken back, or nothing is left to count."
        ),
    ]
    list: Annotated[str | None, Meta(description="As a decision names it in its shadow; null: it has none yet.")]
    begun: str
    since: Annotated[str | None, Meta(description="When every worker of a gateway has begun to count, the first's.")]
    ended: str | None
    hits: Annotated[int, Meta(description="What it would have blocked beyond all that is in force, on all gateways.")]
    channels: Annotated[dict[str, int], Meta(description="Channel → so many of them.")]
    protected: Annotated[int, Meta(description="Entries that are protected, and neither counted nor ever enforced.")]
    held: Annotated[int, Meta(description="Entries that a rail holds for two persons, and that are not counted.")]


class OrderFile(Struct):
    """The file that an order came with."""

    name: str
    octets: int
    encoding: Annotated[str, Meta(description="As it was read: workbook, utf-8, utf-16, windows-1256.")]
    sha256: Annotated[str, Meta(description="Of the file, as it came.")]


class Order(Struct, kw_only=True):
    """An order without its entries."""

    id: int
    issuer: str
    ref: str
    ground: Annotated[str | None, Meta(description="null: a list names the letter, and says none.")]
    scope: Scope
    version: Annotated[int, Meta(description="1; of a correction one more than of what it corrects.")]
    first: Annotated[int | None, Meta(description="The number of the order whose later version this is; null: itself.")]
    replaced_by: Annotated[int | None, Meta(description="The number of the version that is in force instead.")]
    review: Annotated[str | None, Meta(description="The local day from which on it is to be looked at again.")]
    expires: Annotated[str | None, Meta(description="The last local day on which it is in force; null: no end.")]
    deadline: Annotated[str | None, Meta(description="As its letter states it.")]
    clock: Annotated[OrderClock | None, Meta(description="null: nothing states a deadline, or a list names it.")]
    emergency: bool
    lapses: Annotated[str | None, Meta(description="When an emergency ends that two persons have not confirmed.")]
    received: str
    sha256: Annotated[str, Meta(description="Of what the order says, however it was spaced.")]
    state: Annotated[str, Meta(description="By its entries: pending, enforced, partly_enforced, nothing_enforced, …")]
    steps: Annotated[list[OrderStep], Meta(description="How far it has come, the oldest first; none: only received.")]
    file: Annotated[OrderFile | None, Meta(description="null: its entries came without one.")]
    canary: Annotated[
        OrderCanary | None,
        Meta(
            description="null: nothing of it is or was tried on one gateway first, or control has not looked at it yet."
        ),
    ]
    shadow: Annotated[
        OrderShadow | None,
        Meta(description="null: it is enforced as it comes, or control has not looked at it yet."),
    ]
    counts: Annotated[dict[str, int], Meta(description="Status → so many entries.")]
    lists: list[HeldByList]
    receipt: Annotated[Receipt | None, Meta(description="null: not every worker has confirmed it yet.")]
    withdrawn: str | None
    withdrawal_reason: str | None
    withdrawal_receipt: Receipt | None


class EntryApproval(Struct):
    """By what two persons have agreed to."""

    id: int
    kind: Annotated[str, Meta(description="broader: by the whole host; held: in spite of a rail that holds it.")]
    reference: str
    collateral: Annotated[str, Meta(description="What else is closed.")]
    until: str | None


class Entry(Struct):
    """An entry, and what has become of it."""

    number: int
    value: Annotated[str, Meta(description="As pushed.")]
    name: Annotated[str | None, Meta(description="Canonical; null: the value is neither a name nor a URL.")]
    scope: Annotated[
        Literal["subtree", "exact", "prefix", "address"] | None,
        Meta(description="subtree, exact or, of a URL, prefix; address: it is one, or a prefix."),
    ]
    status: str
    reason: Annotated[str | None, Meta(description="Why it is not enforced as directed, or by its host.")]
    place: Annotated[str | None, Meta(description="In the order's file: its line, or sheet and line.")]
    generation: int | None
    enforced: str | None
    approval: EntryApproval | None


class OrderWithEntries(Order, kw_only=True):
    """An order with a page of its entries."""

    entries: list[Entry]
    next: Next


class Wait(Struct, forbid_unknown_fields=True):
    """Whether the answer is to wait."""

    wait: Annotated[int, Meta(ge=0, le=MAX_WAIT_S, description="Seconds, for the order to be in force.")] = 0


class Proposal(OrderWithEntries, kw_only=True):
    """An order that is stored and not in force yet; `Location` shows what becomes of it."""

    detail: Annotated[str, Meta(description="What it waits for.")]


class OrderPage(Struct):
    """Orders by rising number."""

    orders: list[Order]
    next: Next


class RemainingBlock(Struct, omit_defaults=True):
    """A name that was withdrawn, and what blocks it still."""

    name: str
    list: str | None = None
    order: int | None = None
    issuer: str | None = None
    ref: str | None = None


class WithdrawnOrder(OrderWithEntries, kw_only=True):
    """An order after a withdrawal."""

    withdrawn_now: Annotated[int, Meta(description="Entries that were in force until now.")]
    still_blocked: list[RemainingBlock]
