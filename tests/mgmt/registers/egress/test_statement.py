"""The statement of addresses that ask DNS."""

import csv
import io

import pytest
from support.mgmt.confirmed import SIGNER

from mgmt.ledger.signed_statement import document_of
from mgmt.registers.egress.statement import FORMAT, Gateway, Source, Statement, check_document, csv_of, note_of, text_of

TEXT = text_of(
    Statement(
        FORMAT,
        "2026-08-04T00:00:00.000Z",
        [Gateway("=gw1", [Source("192.0.2.1", "route"), Source("2001:db8::/64", "declared")], is_whole=True)],
    )
)


def test_a_document_is_what_was_signed_and_a_changed_address_is_found() -> None:
    document = document_of(TEXT, note_of(SIGNER, TEXT))

    assert check_document(document, [SIGNER.vkey]) == TEXT
    with pytest.raises(ValueError, match="another statement"):
        check_document(document.replace(b"192.0.2.1", b"192.0.2.2"), [SIGNER.vkey])


def test_a_table_has_a_line_for_each_address_and_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(csv_of(TEXT, "a note").decode("utf-8-sig"))))

    assert rows[1][:4] == ["'=gw1", "192.0.2.1", "route", "yes"] and rows[2][1:3] == ["2001:db8::/64", "declared"]
    assert rows[-1] == ["signature", "a note"]
