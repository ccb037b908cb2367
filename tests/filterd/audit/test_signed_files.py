"""Signed files, checked as an auditor does who has them and the key."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.confirmed import SIGNER, confirmed
from support.mgmt.published import statement_of

from filterd.audit.signed_files import check_file
from filterd.images.lists import public_files as public_list
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.signed_statement import canonical, document_of, sign
from mgmt.orders.confirmation.replies import last_confirmation
from mgmt.orders.confirmation.signed import note_of
from mgmt.registers.egress import statement as dns_sources
from mgmt.registers.records.statistics import statement as statistics
from parental.store.database import writing

KEYS = [SIGNER.vkey]
LISTED = b"bad.example\n"


def published(**changed: Any) -> bytes:
    said = {"format": public_list.FORMAT, "list": "own", "version": "3f" * 32, "files": {}} | changed
    text = canonical(said)
    return document_of(text, sign(SIGNER, public_list.FORMAT, public_list.subject_of(said), text))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "domains.txt").write_bytes(LISTED)
    return tmp_path


DIGESTS = {"domains.txt": hashlib.sha256(LISTED).hexdigest(), "hosts.txt": "00" * 32}


def test_statistics_say_their_quarter_and_who_counted() -> None:
    text = statistics.text_of(statement_of())
    found = check_file(document_of(text, statistics.note_of(SIGNER, "2026-Q3", "", text)), KEYS, None)

    assert found.what == "statistics of 2026-Q3" and found.about == {"quarter": "2026-Q3", "node": ""}
    assert found.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_confirmation_says_its_order(engine: Engine) -> None:
    with writing(engine) as conn:
        row = last_confirmation(conn, confirmed(conn))
    assert row is not None
    said = json.loads(row.text)
    order = said["order"]
    found = check_file(document_of(row.text, row.note), KEYS, None)

    named = f"{order['ref']}, order {order['number']}, of {said['made']}"
    assert found.what == f"the partly_confirmed statement of {named}"
    assert (found.about["made"], found.about["supersedes"]) == (said["made"], None)
    earlier = {name: value for name, value in said.items() if name not in ("answer", "made", "supersedes")}
    text = canonical(earlier)  # as releases of before wrote it
    found = check_file(document_of(text, note_of(SIGNER, order["number"], text)), KEYS, None)
    assert found.about["made"] == said["made"]
    with pytest.raises(ValueError, match="another statement than was signed"):
        check_file(document_of(row.text.replace(order["ref"], "other"), row.note), KEYS, None)


def test_addresses_that_ask_dns_say_when() -> None:
    text = dns_sources.text_of(dns_sources.Statement(dns_sources.FORMAT, "2026-08-04T00:00:00.000Z", []))
    found = check_file(document_of(text, dns_sources.note_of(SIGNER, text)), KEYS, None)

    assert found.what == "the addresses that ask DNS, of 2026-08-04T00:00:00.000Z"


def test_the_files_of_a_public_list_are_checked_where_they_are(folder: Path) -> None:
    found = check_file(published(files=DIGESTS), KEYS, folder)

    assert found.what == "list own, version 3f3f3f3f3f3f3f3f, and 1 of its 2 files"
    assert found.about == {"list": "own", "version": "3f" * 32, "files": ["domains.txt"]}
    assert check_file(published(files=DIGESTS), KEYS, None).about["files"] == []
    (folder / "hosts.txt").write_bytes(b"0.0.0.0 bad.example\n")
    with pytest.raises(ValueError, match=r"hosts\.txt in its folder is another file"):
        check_file(published(files=DIGESTS), KEYS, folder)


@pytest.mark.parametrize("name", ["../domains.txt", "/etc/hostname", "sub/domains.txt", ""])
def test_a_statement_names_no_file_elsewhere(name: str, folder: Path) -> None:
    inside = folder / "inside"
    inside.mkdir()

    assert check_file(published(files={name: "00" * 32}), KEYS, inside).about["files"] == []


def test_another_key_has_not_signed_it() -> None:
    with pytest.raises(ValueError, match="not signed by a known key"):
        check_file(published(), [Signer(b"x" * 32, SIGNER.name).vkey], None)


@pytest.mark.parametrize(
    "document",
    [b'{"note":', b'{"note":"","statement":[]}', b'{"note":"","statement":{"format":5}}', b'{"note":"\xff"}'],
)
def test_what_cannot_be_read_is_said(document: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        check_file(document, KEYS, None)


@pytest.mark.parametrize("statement", [b"{}", b'{"format":"filterd-statistics/2"}'])
def test_a_form_that_is_not_known_is_said(statement: bytes) -> None:
    with pytest.raises(ValueError, match="a form that this version does not know"):
        check_file(b'{"note":"","statement":' + statement + b"}", KEYS, None)


@pytest.mark.parametrize("name", ["filterd-public-list/1", "filterd-confirmation/1", "filterd-dns-sources/1"])
def test_a_statement_of_one_form_is_not_taken_for_another(name: str) -> None:
    text = statistics.text_of(statement_of())
    document = document_of(text, statistics.note_of(SIGNER, "2026-Q3", "", text))

    with pytest.raises(ValueError, match=r"is no filterd|another statement"):
        check_file(document.replace(b'"format":"filterd-statistics/1"', f'"format":"{name}"'.encode()), KEYS, None)
