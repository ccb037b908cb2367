"""Signed files that leave the box, checked offline with the key of the ledger: `filterd audit verify`.

Each is a signed statement (mgmt.ledger.signed_statement) of one of the forms below.  The files of a public list are
checked, too, where they are in the folder of their statement.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from filterd.images.lists import public_files as public_list
from mgmt.ledger.signed_statement import digest_of
from mgmt.orders.confirmation import signed as confirmation
from mgmt.orders.confirmation.statement import FORMAT as CONFIRMATION
from mgmt.registers.egress import statement as dns_sources
from mgmt.registers.records.statistics import statement as statistics
from mgmt.registers.transparency import statement as transparency

NAME = re.compile(r"[a-z.]+", re.ASCII)  # of a file in a folder

Check = Callable[[bytes, Sequence[str]], str]
Said = Mapping[str, Any]  # a statement


class SignedFile(NamedTuple):
    """A file that is as signed.

    what    a phrase for people;  about  what it is about, for JSON;  sha256  of the statement, as its forms print it"""

    what: str
    about: Said
    sha256: str


class _Form(NamedTuple):
    check: Check
    what: str  # with the fields of `about`
    about: Callable[[Said], dict[str, Any]]


def _fields(*names: str) -> Callable[[Said], dict[str, Any]]:
    return lambda said: {name: said[name] for name in names}


def _order(said: Said) -> dict[str, Any]:
    """Also the moment that it is of: what was signed afterwards the file does not know."""
    made, answer = said.get("made") or said["times"]["confirmed"], said.get("answer") or "confirmed"
    about = {"order": said["order"]["number"], "ref": said["order"]["ref"], "made": made, "answer": answer}
    return about | {"supersedes": (said.get("supersedes") or {}).get("sha256")}


_FORMS = {
    statistics.FORMAT: _Form(statistics.check_document, "statistics of {quarter}", _fields("quarter", "node")),
    transparency.FORMAT: _Form(transparency.check_document, "the public statement of {quarter}", _fields("quarter")),
    CONFIRMATION: _Form(
        confirmation.check_document, "the {answer} statement of {ref}, order {order}, of {made}", _order
    ),
    dns_sources.FORMAT: _Form(dns_sources.check_document, "the addresses that ask DNS, of {made}", _fields("made")),
    public_list.FORMAT: _Form(
        public_list.check_document, "list {list}, version {version:.16}", _fields("list", "version")
    ),
}


class _FileFormat(msgspec.Struct):
    format: str = ""


class _Document(msgspec.Struct):
    statement: _FileFormat


def check_file(document: bytes, vkeys: Sequence[str], folder: Path | None) -> SignedFile:
    """Check a file as document_of() writes it.   folder  that it is in;  None: in none

    Raises ValueError: it is not as one of the keys has signed it, or of no known form; OSError"""
    form = _form_of(document)
    text = form.check(document, vkeys)
    said: dict[str, Any] = msgspec.json.decode(text)
    about = form.about(said)
    what = form.what.format_map(about)
    if "files" in said:
        found = _files_here(said["files"], folder)
        about["files"] = found
        what += f", and {len(found)} of its {len(said['files'])} files"
    return SignedFile(what, about, digest_of(text))


def _form_of(document: bytes) -> _Form:
    try:
        name = msgspec.json.decode(document, type=_Document).statement.format
    except msgspec.DecodeError as reason:
        raise ValueError(f"cannot be read: {reason}") from reason
    if name not in _FORMS:
        raise ValueError("is a signed file of a form that this version does not know")
    return _FORMS[name]


def _files_here(digests: Mapping[str, str], folder: Path | None) -> list[str]:
    """The names of those that are there.   Raises ValueError: one is not as signed; OSError"""
    found = []
    for name, digest in sorted(digests.items()):
        if folder is None or NAME.fullmatch(name) is None or not (folder / name).is_file():
            continue
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise ValueError(f"is signed, but {name} in its folder is another file than was signed")
        found.append(name)
    return found
