"""The signature of a confirmation."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection
from support.mgmt.confirmed import SIGNER, confirmed

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.signed_statement import document_of
from mgmt.ledger.verifier import open_note
from mgmt.orders.confirmation.replies import last_confirmation
from mgmt.orders.confirmation.signed import check_document


def document(conn: Connection) -> tuple[str, bytes]:
    row = last_confirmation(conn, confirmed(conn))
    assert row is not None
    return row.text, document_of(row.text, row.note)


def test_a_confirmation_is_checked_offline_with_the_ledgers_key_however_its_json_is_spaced(conn: Connection) -> None:
    text, octets = document(conn)

    assert check_document(octets, [SIGNER.vkey]) == text
    assert check_document(json.dumps(json.loads(octets), indent=2).encode(), [SIGNER.vkey]) == text


@pytest.mark.parametrize(
    "forge",
    [
        lambda said: said["statement"]["entries"][2].update(status="enforced"),
        lambda said: said["statement"]["order"].update(number=2),
        lambda said: said["statement"].pop("order"),
        lambda said: said.update(statement=[]),
        lambda said: said.update(note=SIGNER.sign(1, b"\0" * 32)),
        lambda said: said.update(note=said["note"].replace("confirmation/1\n1", "confirmation/1\n2")),
    ],
)
def test_a_confirmation_that_was_changed_is_refused(conn: Connection, forge: Any) -> None:
    said = json.loads(document(conn)[1])
    forge(said)
    with pytest.raises(ValueError, match=r"^is "):
        check_document(json.dumps(said).encode(), [SIGNER.vkey])


def test_a_confirmation_of_another_key_is_refused(conn: Connection) -> None:
    with pytest.raises(ValueError, match="not signed by a known key"):
        check_document(document(conn)[1], [Signer(b"x" * 32, SIGNER.name).vkey])


def test_its_note_is_never_taken_for_a_checkpoint_of_the_ledger(conn: Connection) -> None:
    note = json.loads(document(conn)[1])["note"]
    try:
        assert open_note(note, [SIGNER.vkey]).origin != SIGNER.name
    except ValueError as refused:
        assert "no checkpoint" in str(refused)
