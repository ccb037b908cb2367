"""An order as an issuer pushes it, and what is said to withdraw one: the types of the bodies."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from mgmt.contract.shapes import Instant, Line

# A letter holds tens to hundreds of entries; full lists, of a million, are files.
MAX_ENTRIES = 100_000
MAX_VALUE_CHARACTERS = 2048  # the longest URL that every browser takes

Value = Annotated[
    str, Meta(min_length=1, max_length=MAX_VALUE_CHARACTERS, description="A name or URL, as the letter has it.")
]
Scope = Annotated[Literal["subtree", "exact"], Meta(description="subtree: with everything below it.")]


Corrects = Annotated[
    Line | None,
    Meta(description="The reference of the issuer's order that this one replaces: of its newest version."),
]
Review = Annotated[
    date | None,
    Meta(description="From this local day on it is to be looked at again; left out: as /orders/review_days says."),
]
Expires = Annotated[date | None, Meta(description="The last local day on which it is in force; left out: no end.")]


Shadow = Annotated[
    bool | None,
    Meta(
        description="true: it is counted and not enforced, until two persons let it in; neither an emergency nor child "
        "abuse material waits for a count."
    ),
]


class PushedEntry(Struct, forbid_unknown_fields=True):
    """An entry with a scope of its own."""

    value: Value
    scope: Scope | None = None


class PushedOrder(Struct, forbid_unknown_fields=True):
    """What an issuer directs."""

    issuer: Line
    ref: Annotated[Line, Meta(description="The issuer's own; the same order may be sent again under it.")]
    ground: Annotated[Line, Meta(description="Of the law.")]
    entries: Annotated[list[Value | PushedEntry], Meta(min_length=1, max_length=MAX_ENTRIES)]
    scope: Scope | None = None
    deadline: Annotated[Instant | None, Meta(description="By when it is to be in force: within a year.")] = None
    emergency: bool | None = None
    corrects: Corrects = None
    review: Review = None
    expires: Expires = None
    shadow: Shadow = None
    category: Annotated[
        Literal["ordinary", "child-abuse"] | None,
        Meta(description="child-abuse: refused here; see /v1/sealed-orders."),
    ] = None


class Withdrawal(Struct, forbid_unknown_fields=True):
    """Why an order, or a part of it, ends."""

    reason: Line
    entries: Annotated[
        list[Value], Meta(max_length=MAX_ENTRIES, description="As pushed, or by name; none: the whole order.")
    ] = []
