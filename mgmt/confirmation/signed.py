"""The signature of a confirmation: a signed note with the ledger's key.

    filterd-confirmation/1 ⏎ number of the order ⏎ SHA-256 of the statement, base 64 ⏎ ⏎ — name signature ⏎

The first line is no name of a ledger, so that neither is ever taken for the other.
Source: C2SP signed-note (c2sp.org).
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from mgmt.confirmation.statement import FORMAT, canonical
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.verifier import open_text


class _Document(msgspec.Struct):
    note: str
    statement: dict[str, Any]


def note_of(signer: Signer, order: int, statement: str) -> str:
    """The note of a statement."""
    return signer.sign_text(_text(order, statement))


def document_of(statement: str, note: str) -> bytes:
    """Both as one JSON object, in which the statement stands as it was signed."""
    return b'{"note":%b,"statement":%b}\n' % (msgspec.json.encode(note), statement.encode())


def check_document(document: bytes, vkeys: Sequence[str]) -> str:
    """The statement of document_of(), which one of the keys has signed.   Raises ValueError."""
    try:
        said = msgspec.json.decode(document, type=_Document)
        statement, number = canonical(said.statement), said.statement["order"]["number"]
    except (msgspec.DecodeError, KeyError, TypeError) as reason:
        raise ValueError("is no confirmation") from reason
    if open_text(said.note, vkeys) != _text(number, statement):
        raise ValueError("is another statement than was signed")
    return statement


def digest_of(statement: str) -> str:
    """SHA-256 of a statement, as its forms print it."""
    return hashlib.sha256(statement.encode()).hexdigest()


def _text(order: int, statement: str) -> str:
    return f"{FORMAT}\n{order}\n{base64.b64encode(hashlib.sha256(statement.encode()).digest()).decode()}\n"
