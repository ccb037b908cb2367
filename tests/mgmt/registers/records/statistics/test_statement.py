"""The text that is published, and its schema."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from support.mgmt.confirmed import SIGNER
from support.mgmt.published import statement_of

from mgmt.ledger.signed_statement import document_of
from mgmt.registers.records.statistics.statement import (
    Appeals,
    Bypass,
    check_document,
    note_of,
    protected_appeals,
    protected_blocks,
    protected_bypass,
    schema_text,
    text_of,
)

SCHEMA = json.loads((Path(__file__).parents[5] / "docs/statistics.schema.json").read_text())


def document(quarter: str = "2026-Q3") -> bytes:
    text = text_of(statement_of())
    return document_of(text, note_of(SIGNER, quarter, "", text))


def test_a_signed_file_is_as_its_schema_says_and_what_has_more_is_not() -> None:
    said = json.loads(document())
    jsonschema_rs.validate(SCHEMA, said)
    assert json.loads(schema_text()) == SCHEMA

    for faulty in ({**said["statement"]["blocks"][0], "count": 9}, {**said["statement"]["blocks"][0], "rule": "x"}):
        said["statement"]["blocks"] = [faulty]
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(SCHEMA, said)


def test_a_file_is_checked_offline_and_one_that_was_changed_is_refused() -> None:
    said = json.loads(document())
    assert check_document(document(), [SIGNER.vkey]) == text_of(statement_of())

    said["statement"]["blocks"][0]["count"] += 1
    with pytest.raises(ValueError, match="another statement"):
        check_document(json.dumps(said).encode(), [SIGNER.vkey])
    with pytest.raises(ValueError, match="another statement"):
        check_document(document("2026-Q2"), [SIGNER.vkey])


def test_what_a_tap_has_seen_is_in_no_sum_with_what_was_blocked() -> None:
    tap = ("2026-07", "Sindh", "adult", "sni", "pta", "unknown", "shadow")
    cells: dict[tuple[str, ...], int] = {tap: 12, (*tap[:-1], "splash"): 3, (*tap[:3], "dns", *tap[4:-1], "splash"): 40}

    assert [(row.outcome, row.count) for row in protected_blocks(cells)] == [("splash", 43), ("shadow", 12)]


def test_every_table_is_protected() -> None:
    assert protected_appeals({("2026-07", "kept"): 9}) == []
    assert protected_appeals({("2026-07", "kept"): 5, ("2026-07", "opened"): 4, ("2026-07", "waiting"): 3}) == [
        Appeals(month="2026-07", outcome=None, count=12)
    ]
    assert protected_bypass("2026-Q3", {("2026-Q3", "vpn", "dns"): 40, ("2026-Q3", "doh", "dns"): 2}) == [
        Bypass(quarter="2026-Q3", list=None, channel="dns", count=42)
    ]
