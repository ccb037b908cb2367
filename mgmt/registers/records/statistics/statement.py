"""What is published of a quarter: one text, from which every form of it is made.

It is canonical JSON (RFC 8785) of a Statement, whose JSON Schema is docs/statistics.schema.json.  A text is made once,
signed, and never changed: a second one of the same months, a little later, would give small counts away.
Invariants: a count of people's blocks is never below LEAST of mgmt.registers.records.statistics.disclosure; none of a
household's choice.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.signed_statement import canonical, opened, sign
from mgmt.registers.records.statistics.cells import DIMENSIONS, GIVEN_UP, SEEN
from mgmt.registers.records.statistics.disclosure import LEAST, Row, Values, published

FORMAT: Literal["filterd-statistics/1"] = "filterd-statistics/1"

Said = Annotated[str | None, Meta(description="null: the blocks of this sum differ in it, or it is withheld.")]
Count = Annotated[int, Meta(ge=LEAST)]


class Blocks(Struct, kw_only=True, forbid_unknown_fields=True):
    """Blocks that are alike, or a sum of cells of which some are below ten."""

    month: Said
    province: Annotated[str | None, Meta(description="null: as above; unknown: the record does not say it.")]
    category: Annotated[str | None, Meta(description="null: as above; none: the list has no category.")]
    channel: Said
    list: Said
    age_band: Annotated[str | None, Meta(description="null: as above; unknown: the record does not say it.")]
    outcome: Said
    count: Count


class CsamBlocks(Struct, kw_only=True, forbid_unknown_fields=True):
    """Blocks by confidential CSAM lists: a count, and nothing else is kept of them."""

    month: Said
    channel: Said
    count: Count


class Appeals(Struct, kw_only=True, forbid_unknown_fields=True):
    """Reports of visitors that something is blocked by mistake."""

    month: Said
    outcome: Annotated[str | None, Meta(description="opened, kept, passed on; waiting: not answered yet.")]
    count: Count


class Bypass(Struct, kw_only=True, forbid_unknown_fields=True):
    """Attempts at circumvention that the gate has seen, by list; where the operator has switched this on."""

    quarter: str
    list: Said
    channel: Said
    count: Count


class DurationFigures(Struct, kw_only=True, forbid_unknown_fields=True):
    """From the receipt of an order, in milliseconds."""

    orders: Annotated[int, Meta(ge=0, description="That have come so far.")]
    median_ms: int | None
    p95_ms: int | None


class Orders(Struct, kw_only=True, forbid_unknown_fields=True):
    """How the orders of an issuer that were received in the quarter have gone: of `filterd orders stats`."""

    issuer: str
    orders: int
    enforced: DurationFigures
    confirmed: DurationFigures
    in_time: int
    late: int
    overdue: int
    entries_in_force: int
    entries_asked: Annotated[int, Meta(description="Coverage: of these, those about which the traffic was asked.")]
    questions: int
    blocked_here: Annotated[int, Meta(description="Of the questions: those that were answered by a block of this box.")]


class Statement(Struct, kw_only=True, forbid_unknown_fields=True):
    """The statistics of a quarter."""

    format: Literal["filterd-statistics/1"]
    quarter: Annotated[str, Meta(pattern=r"^\d{4}-Q[1-4]$")]
    zone: Annotated[str, Meta(description="In which months begin.")]
    node: Annotated[str, Meta(description="Of which gateway; empty: of all that share the database.")]
    made: Annotated[str, Meta(description="When, in UTC.")]
    least: Annotated[int, Meta(description="A smaller count is in a sum alone.")]
    is_whole: Annotated[bool, Meta(description="false: records of its first days were destroyed before, by their age.")]
    blocks: list[Blocks]
    csam: list[CsamBlocks] | None
    appeals: list[Appeals] | None
    bypass: list[Bypass] | None
    orders: list[Orders] | None


def protected_blocks(cells: Mapping[Values, int]) -> list[Blocks]:
    """Cells in DIMENSIONS as rows of a statement.   No sum has both what was blocked and what was only seen."""
    outcome = DIMENSIONS.index("outcome")
    seen = {values: count for values, count in cells.items() if values[outcome] == SEEN}
    blocked = {values: count for values, count in cells.items() if values not in seen}
    rows = (row for of in (blocked, seen) for row in _protected(DIMENSIONS, GIVEN_UP, of))
    return [Blocks(**_named(DIMENSIONS, row), count=row.total) for row in rows]


def protected_csam(cells: Mapping[Values, int]) -> list[CsamBlocks]:
    """The same of CSAM blocks."""
    columns = ("month", "channel")
    return [
        CsamBlocks(**_named(columns, row), count=row.total) for row in _protected(columns, ("channel", "month"), cells)
    ]


def protected_appeals(cells: Mapping[Values, int]) -> list[Appeals]:
    """The same of visitors' reports."""
    columns = ("month", "outcome")
    rows = _protected(columns, ("outcome", "month"), cells)
    return [Appeals(**_named(columns, row), count=row.total) for row in rows]


def protected_bypass(quarter: str, cells: Mapping[Values, int]) -> list[Bypass]:
    """The same of attempts at circumvention."""
    found = _protected(("quarter", "list", "channel"), ("channel", "list", "quarter"), cells)
    return [Bypass(quarter=quarter, list=row.values[1], channel=row.values[2], count=row.total) for row in found]


def text_of(statement: Statement) -> str:
    """Its one text."""
    return canonical(statement)


def note_of(signer: Signer, quarter: str, node: str, text: str) -> str:
    """The signature."""
    return sign(signer, FORMAT, _subject(quarter, node), text)


def check_document(document: bytes, vkeys: Sequence[str]) -> str:
    """The text of a document, which one of the keys has signed.   Raises ValueError."""
    return opened(document, vkeys, FORMAT, lambda said: _subject(said["quarter"], said["node"]))


def schema_text() -> str:
    """docs/statistics.schema.json: what a signed file is."""
    (of_statement,), parts = json.schema_components([Statement], ref_template="#/$defs/{name}")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Signed statistics of a quarter, filterd-statistics/1",
        "type": "object",
        "properties": {"note": {"type": "string"}, "statement": of_statement},
        "required": ["note", "statement"],
        "additionalProperties": False,
        "$defs": parts,
    }
    return json.format(json.encode(document), indent=1).decode() + "\n"


# ----------------------------------------------------------------------------------------------------------------------


def _protected(columns: Sequence[str], given_up: Sequence[str], cells: Mapping[Values, int]) -> list[Row]:
    return published(cells, [columns.index(name) for name in given_up])


def _named(columns: Sequence[str], row: Row) -> dict[str, str | None]:
    return dict(zip(columns, row.values, strict=True))


def _subject(quarter: str, node: str) -> str:
    return f"{quarter} {node}".strip()
