"""A signed statement: canonical JSON, and a signed note of it with the ledger's key.

    format ⏎ subject ⏎ SHA-256 of the statement, base 64 ⏎ ⏎ — name signature ⏎

The first line is no name of a ledger, and differs by format, so that none is ever taken for the other.
Source: C2SP signed-note (c2sp.org); canonical JSON: RFC 8785.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.verifier import open_text


class _Document(msgspec.Struct):
    note: str
    statement: dict[str, Any]


def canonical(said: Any) -> str:
    """RFC 8785, of what holds whole numbers and ASCII keys alone."""
    return msgspec.json.encode(said, order="sorted").decode()


def sign(signer: Signer, form: str, subject: str, statement: str) -> str:
    """The note of a statement.   form  as "filterd-confirmation/1";   subject  what it is about, a line"""
    return signer.sign_text(_text(form, subject, statement))


def document_of(statement: str, note: str) -> bytes:
    """Both as one JSON object, in which the statement stands as it was signed."""
    return b'{"note":%b,"statement":%b}\n' % (msgspec.json.encode(note), statement.encode())


def opened(document: bytes, vkeys: Sequence[str], form: str, subject_of: Callable[[dict[str, Any]], str]) -> str:
    """The statement of document_of(), which one of the keys has signed.   Raises ValueError.

    subject_of  finds the subject in a statement; it may raise KeyError and TypeError"""
    try:
        said = msgspec.json.decode(document, type=_Document)
        statement, subject = canonical(said.statement), subject_of(said.statement)
    except (msgspec.DecodeError, KeyError, TypeError) as reason:
        raise ValueError(f"is no {form}") from reason
    if open_text(said.note, vkeys) != _text(form, subject, statement):
        raise ValueError("is another statement than was signed")
    return statement


def digest_of(statement: str) -> str:
    """SHA-256 of a statement, as its forms print it."""
    return hashlib.sha256(statement.encode()).hexdigest()


def _text(form: str, subject: str, statement: str) -> str:
    return f"{form}\n{subject}\n{base64.b64encode(hashlib.sha256(statement.encode()).digest()).decode()}\n"
