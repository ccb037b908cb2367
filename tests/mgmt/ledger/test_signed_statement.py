"""Statements that the ledger's key signs."""

import json

import pytest

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.signed_statement import canonical, digest_of, document_of, opened, sign

SIGNER = Signer(b"k" * 32, "gw1/filterd-ledger")
STATEMENT = canonical({"b": 1, "a": "x"})
FORM = "filterd-test/1"


def subject_of(said: dict[str, object]) -> str:
    return str(said["b"])


def test_a_statement_is_opened_as_it_was_signed_and_has_one_digest() -> None:
    document = document_of(STATEMENT, sign(SIGNER, FORM, "1", STATEMENT))

    assert opened(document, [SIGNER.vkey], FORM, subject_of) == STATEMENT == '{"a":"x","b":1}'
    assert digest_of(STATEMENT) == digest_of(canonical(json.loads(document)["statement"]))


def test_a_statement_of_one_format_is_never_taken_for_another_one() -> None:
    document = document_of(STATEMENT, sign(SIGNER, FORM, "1", STATEMENT))
    with pytest.raises(ValueError, match="another statement"):
        opened(document, [SIGNER.vkey], "filterd-test/2", subject_of)


@pytest.mark.parametrize("document", [b"", b"[]", b'{"note":"","statement":{}}', b'{"note":1,"statement":{"b":1}}'])
def test_what_is_no_document_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match="is no filterd-test/1"):
        opened(document, [SIGNER.vkey], FORM, subject_of)
