"""The text of a quarter for the public."""

import pytest
from support.mgmt.confirmed import SIGNER
from support.mgmt.transparent import statement_of

from mgmt.ledger.signed_statement import document_of
from mgmt.registers.records.statistics import statement as statistics
from mgmt.registers.transparency.statement import check_document, note_of, text_of

TEXT = text_of(statement_of())


def test_a_document_is_what_was_signed() -> None:
    assert check_document(document_of(TEXT, note_of(SIGNER, "2026-Q3", TEXT)), [SIGNER.vkey]) == TEXT


def test_a_changed_count_is_found() -> None:
    document = document_of(TEXT, note_of(SIGNER, "2026-Q3", TEXT)).replace(b'"orders":12', b'"orders":13')

    with pytest.raises(ValueError, match="another statement"):
        check_document(document, [SIGNER.vkey])


def test_a_signature_of_other_statistics_is_none_of_this() -> None:
    with pytest.raises(ValueError, match="another statement"):
        check_document(document_of(TEXT, statistics.note_of(SIGNER, "2026-Q3", "", TEXT)), [SIGNER.vkey])
