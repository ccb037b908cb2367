"""What an authority is given: the addresses from which each gateway asks DNS; as signed JSON and as CSV.

It is canonical JSON (RFC 8785) of a Statement, signed by control each time that an address has changed.
Invariants: an address is what the kernel's routes say, or what the configuration declares, and which of the two is
said; nothing is guessed.
"""

import csv
import io
import json
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.signed_statement import canonical, digest_of, opened, sign
from mgmt.text.cells import plain_cell

FORMAT: Literal["filterd-dns-sources/1"] = "filterd-dns-sources/1"
How = Literal["route", "declared"]
ROUTE: Final = "route"
DECLARED: Final = "declared"


class Source(Struct, order=True, frozen=True, forbid_unknown_fields=True):
    """An address, or a prefix that is declared."""

    address: str
    how: Annotated[How, Meta(description="As the kernel routes, or /dns/egress says.")]


class Gateway(Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway.   is_whole  false: it asks a resolver on the same box, whose own addresses are not declared"""

    node: str
    sources: list[Source]
    is_whole: bool


class Statement(Struct, frozen=True, forbid_unknown_fields=True):
    """All gateways that have reported in the last thirty days."""

    format: Literal["filterd-dns-sources/1"]
    made: str
    gateways: list[Gateway]


def text_of(statement: Statement) -> str:
    """Its one text."""
    return canonical(statement)


def note_of(signer: Signer, text: str) -> str:
    """The signature."""
    return sign(signer, FORMAT, json.loads(text)["made"], text)


def check_document(document: bytes, vkeys: Sequence[str]) -> str:
    """The text of a document, which one of the keys has signed.   Raises ValueError."""
    return opened(document, vkeys, FORMAT, lambda said: str(said["made"]))


def csv_of(text: str, note: str) -> bytes:
    """A line for each address; then the digest and the signature.   UTF-8 with a mark, as Excel wants it"""
    said, out = json.loads(text), io.StringIO()
    table = csv.writer(out)
    table.writerow(["gateway", "address", "how", "is_whole", "made"])
    for each in said["gateways"]:
        whole = "yes" if each["is_whole"] else "no"
        for source in each["sources"]:
            cells = [each["node"], source["address"], source["how"], whole, said["made"]]
            table.writerow([plain_cell(cell) for cell in cells])
    table.writerows([[], ["statement sha256", digest_of(text)], ["signature", " ".join(note.split())]])
    return ("\ufeff" + out.getvalue()).encode()
