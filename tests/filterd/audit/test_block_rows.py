from pathlib import Path
from typing import Any

import pytest
from support.block_store import rows

from filterd.audit.block_batches import BATCHES, Batches
from filterd.audit.block_rows import MOST_COUNT, batch_of_rows, counts_of
from mgmt.registers.records.block_ledger import StoredBlock


def row(reason: str = "order", pseudonym: str = "", count: int = 1, **more: Any) -> StoredBlock:
    said: dict[str, Any] = {"time_s": 1_800_000_000, "rule": "bad.test", "province": "PK-PB"} | more
    same: dict[str, Any] = {"channel": "sni", "action": "splash", "list": "pta", "order": 3, "category": ""}
    return StoredBlock(1, reason=reason, generation=12, pseudonym=pseudonym, count=count, **same, **said)


def test_rows_are_records_of_their_own_ledger_as_they_were(tmp_path: Path) -> None:
    found = [row(), row(pseudonym="0f" * 16, count=4), row(reason="pause", rule="own.test", province="unknown")]

    Batches(tmp_path / BATCHES).append(batch_of_rows(found, {"dns-0": (1, 7)}))

    assert [(each["rule"], each["subscriber"], each["count"], each["province"]) for each in rows(tmp_path)] == [
        ("bad.test", None, 1, "PK-PB"),
        ("bad.test", bytes([15] * 16), 4, "PK-PB"),
        ("own.test", None, 1, "unknown"),
    ]
    assert Batches(tmp_path / BATCHES).positions == {"dns-0": (1, 7)}


def test_a_pseudonym_of_another_length_is_never_written() -> None:
    with pytest.raises(AssertionError):
        batch_of_rows([row(pseudonym="0f")], {})


@pytest.mark.parametrize(
    ("count", "parts"),
    [
        (1, [1]),
        (MOST_COUNT, [MOST_COUNT]),
        (MOST_COUNT + 1, [MOST_COUNT, 1]),
        (3 * MOST_COUNT, [MOST_COUNT] * 3),
    ],
)
def test_a_count_that_no_record_holds_becomes_several_and_none_is_lost(count: int, parts: list[int]) -> None:
    assert list(counts_of(count)) == parts
