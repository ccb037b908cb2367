import hmac
from typing import Any

import pytest
from sqlalchemy import Engine, select

from fastpath.images.verdict import Reason
from filterd.images.words import word
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_ledger import BlockRecord, CsamCount, Position
from parental.store.database import reading, writing
from parental.store.schema.records import blocks, csam_counts, day_keys

NOON = 1785758400
KEY = bytes(range(32))


def record(**changes: Any) -> Any:
    said = {
        "time_s": NOON,
        "channel": "dns",
        "action": "splash",
        "list": "adult",
        "rule": "adult.example",
        "order": 0,
        "category": "adult",
        "reason": "category",
        "generation": 9,
        "subscriber": 7,
    }
    return BlockRecord(**{**said, **changes})


def rows(engine: Engine) -> Any:
    with reading(engine) as conn:
        return conn.execute(select(blocks).order_by(blocks.c.id)).all()


def append(engine: Engine, *records: Any, key: Any = KEY) -> Any:
    with writing(engine) as conn:
        return block_ledger.append_blocks(conn, records, key)


def test_identical_blocks_of_one_second_are_one_row_also_over_two_batches(engine: Engine) -> None:
    assert append(engine, record(), record(), record(time_s=NOON + 1)) == 3
    assert append(engine, record()) == 1

    assert [(row.time_s, row.count) for row in rows(engine)] == [(NOON, 3), (NOON + 1, 1)]


def test_each_reason_is_for_auditors_or_for_the_household_or_leaves_no_record() -> None:
    for_auditors = {"default", "order", "security"}

    assert {word(reason) for reason in Reason} == for_auditors | {"csam", "help"} | set(block_ledger.HOUSEHOLD)


@pytest.mark.parametrize(
    "change",
    [
        {"channel": "sni"},
        {"rule": "b.example"},
        {"list": "b"},
        {"order": 4},
        {"reason": "order"},
        {"generation": 10},
        {"subscriber": 8},
        {"subscriber": None},
        {"action": "nxdomain"},
        {"category": ""},
    ],
)
def test_blocks_that_differ_in_anything_are_two_rows(engine: Engine, change: Any) -> None:
    append(engine, record(), record(**change))

    assert [row.count for row in rows(engine)] == [1, 1]


def test_the_pseudonym_is_one_for_a_day_another_tomorrow_and_another_on_another_node(engine: Engine) -> None:
    append(engine, record(), record(channel="sni"), record(time_s=NOON + 86400), record(subscriber=8))
    append(engine, record(generation=10), key=bytes(32))

    names = [row.pseudonym for row in rows(engine)]

    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert all(len(name) == 32 for name in names)


def test_the_pseudonym_cannot_be_had_from_the_database_alone(engine: Engine) -> None:
    append(engine, record())

    with reading(engine) as conn:
        [day_key] = conn.execute(select(day_keys.c.key)).scalars()
    [row] = rows(engine)
    guesses = {hmac.digest(day_key, str(n).encode(), "sha256").hex()[:32] for n in range(1000)}
    assert row.pseudonym not in guesses
    assert row.pseudonym == block_ledger.pseudonym_of(7, day_key, KEY, of_household=True)


def test_nobody_is_followed_from_the_records_of_an_order_to_those_of_a_household(engine: Engine) -> None:
    append(engine, record(reason="order"))
    append(engine, record(reason="pause"))

    names = [row.pseudonym for row in rows(engine)]
    assert len(set(names)) == len(names) == 2 and all(len(name) == 32 for name in names)


@pytest.mark.parametrize("reason", ["csam", "help"])
def test_a_block_that_must_leave_no_record_is_refused_with_its_whole_batch(engine: Engine, reason: str) -> None:
    with pytest.raises(ValueError, match="not written"):
        append(engine, record(), record(reason=reason))

    assert rows(engine) == []


def test_csam_counts_have_no_room_for_a_person_or_a_name(engine: Engine) -> None:
    assert set(csam_counts.c.keys()) == {"hour_s", "node", "list", "channel", "count"}
    with writing(engine) as conn:
        block_ledger.add_csam_counts(
            conn, [CsamCount(NOON + 3599, "gw1", "iwf", "dns", 2), CsamCount(NOON + 3600, "gw1", "iwf", "dns", 1)]
        )

        assert [(c.hour_s, c.count) for c in block_ledger.iter_csam_counts(conn, 0, NOON * 2)] == [
            (NOON, 2),
            (NOON + 3600, 1),
        ]


def test_the_keys_of_days_that_have_ended_are_destroyed(engine: Engine) -> None:
    append(engine, record(), record(time_s=NOON + 86400))

    with writing(engine) as conn:
        assert block_ledger.destroy_keys(conn, NOON + 3600) == []
        assert block_ledger.destroy_keys(conn, NOON + 86400) == ["2026-08-03"]
        assert conn.execute(select(day_keys.c.day)).scalars().all() == ["2026-08-04"]
        assert block_ledger.is_ahead(conn, NOON)
        assert block_ledger.destroy_keys_after(conn, NOON) == ["2026-08-04"]


def test_a_household_s_records_are_forgotten_apart_from_all_others(engine: Engine) -> None:
    append(engine, record(), record(reason="pause"), record(reason="order"), record(time_s=NOON + 9))

    with writing(engine) as conn:
        assert block_ledger.forget(conn, 0, NOON + 9, True, 1) == 1
        assert block_ledger.forget(conn, 0, NOON + 9, True, 9) == 1
        assert block_ledger.forget(conn, 0, NOON + 9, False, 9) == 1
        assert conn.execute(select(blocks.c.time_s)).scalars().all() == [NOON + 9]


def test_a_spools_position_is_kept_with_its_records_or_not_at_all(engine: Engine) -> None:
    with pytest.raises(ValueError, match="not written"), writing(engine) as conn:
        block_ledger.write_position(conn, "dns-0", Position("000001.seg", 640))
        block_ledger.append_blocks(conn, [record(reason="csam")], KEY)

    with writing(engine) as conn:
        assert block_ledger.read_position(conn, "dns-0") is None
        block_ledger.write_position(conn, "dns-0", Position("000001.seg", 640))
        block_ledger.write_position(conn, "dns-0", Position("000002.seg", 64))
        assert block_ledger.read_position(conn, "dns-0") == Position("000002.seg", 64)
        assert block_ledger.read_position(conn, "gate-0") is None


def test_a_block_of_a_line_that_has_moved_within_a_second_is_no_second_row(engine: Engine) -> None:
    append(engine, record(province="PK-PB"))
    append(engine, record(province="PK-SD"))

    assert [(row.province, row.count) for row in rows(engine)] == [("PK-PB", 2)]
