"""What is published of a quarter: one text, made once, signed, and never changed.

It is canonical JSON (RFC 8785) of a Statement.  Blocks stand in the statistics of the same quarter
(mgmt.registers.records.statistics), which the page shows as well, by category and channel alone.
Invariants: a count of orders is never below LEAST of mgmt.registers.records.statistics.disclosure; no name, no
reference, no person; nothing of an issuer whose orders may not be made public.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.signed_statement import canonical, opened, sign
from mgmt.registers.records.statistics.disclosure import LEAST
from mgmt.registers.records.statistics.statement import Appeals, Said

FORMAT: Literal["filterd-transparency/1"] = "filterd-transparency/1"


class OrderGroup(Struct, kw_only=True, forbid_unknown_fields=True):
    """Orders that are alike, or a sum of such of which some are below ten.

    in_force, protected, held, released   of their entries, as they stood when this was made"""

    issuer: Said
    category: Annotated[str | None, Meta(description="The ground of the orders; csam; none. null: they differ in it.")]
    orders: Annotated[int, Meta(ge=LEAST)]
    entries: int
    in_force: int
    protected: Annotated[int, Meta(description="Refused, because the name is protected.")]
    held: Annotated[int, Meta(description="Waiting for two persons.")]
    released: Annotated[int, Meta(description="Withdrawn or expired.")]
    median_ms: Annotated[int | None, Meta(description="From receipt to enforcement; null: of fewer than ten orders.")]


class Statement(Struct, kw_only=True, forbid_unknown_fields=True):
    """A quarter."""

    format: Literal["filterd-transparency/1"]
    quarter: Annotated[str, Meta(pattern=r"^\d{4}-Q[1-4]$")]
    zone: Annotated[str, Meta(description="In which the quarter begins.")]
    made: Annotated[str, Meta(description="When, in UTC.")]
    least: Annotated[int, Meta(description="A smaller count is in a sum alone.")]
    leaves_out: Annotated[bool, Meta(description="Whether there are issuers whose orders are not counted.")]
    orders: list[OrderGroup]
    appeals: Annotated[list[Appeals] | None, Meta(description="null: they are in the statistics of the quarter.")]
    answered_ms: Annotated[int | None, Meta(description="Median from report to answer; null: fewer than ten answers.")]


def text_of(statement: Statement) -> str:
    """Its one text."""
    return canonical(statement)


def note_of(signer: Signer, quarter: str, text: str) -> str:
    """The signature."""
    return sign(signer, FORMAT, quarter, text)


def check_document(document: bytes, vkeys: Sequence[str]) -> str:
    """The text of a document, which one of the keys has signed.   Raises ValueError."""
    return opened(document, vkeys, FORMAT, lambda said: str(said["quarter"]))
