"""Control publishes the statistics of a quarter."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support import block_store
from support.mgmt.confirmed import SIGNER

from filterd.audit.block_search import counted
from filterd.control.records.quarters import Box, publish_last
from mgmt.ledger.signed_statement import document_of
from mgmt.ledger.trusted_clock import Clocks, begin
from mgmt.orders.base.deadline_rules import Rules
from mgmt.registers.records.block_ledger import (
    BlockRecord,
    CsamCount,
    RecordQuery,
    add_csam_counts,
    append_blocks,
    note_gone,
)
from mgmt.registers.records.statistics.releases import find_release
from mgmt.registers.records.statistics.statement import check_document
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where
from parental.store.schema.privileges import CONTROL, LEDGER

NODE = socket.gethostname()
BEGUN = int(datetime(2026, 8, 3, tzinfo=UTC).timestamp())
OVER = int(datetime(2026, 10, 2, 12, tzinfo=UTC).timestamp())
QUARTER_BEGINS = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())
DAY_S = 86_400
RULES = Rules()


class _Archive:
    """An archive that answers as the role does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fails = folder, False

    async def pull(self, wanted: RecordQuery, form: str, orders: object) -> AsyncIterator[bytes]:
        assert (form, orders) == ("counts", ())
        for piece in counted(self.folder, "enforcement", wanted):
            yield piece


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Of records, with none."""
    block_store.put(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def box(database: Where, store: Path) -> Iterator[Box]:
    """With the accounts that control has, on PostgreSQL."""
    engine, records = open_database(database, CONTROL), open_database(database, LEDGER)
    with writing(records) as conn:
        begin(conn, Clocks(NODE, BEGUN, 0.0, "one"))
    archive: Any = _Archive(store)
    yield Box(engine, records, SIGNER, archive, 1095 * DAY_S)
    engine.dispose()
    records.dispose()


def clocks(at_s: int, step_s: int = 0) -> Clocks:
    return Clocks(NODE, at_s + step_s, float(at_s - BEGUN), "one")


def record(count: int, time_s: int = BEGUN, **more: str) -> BlockRecord:
    said: dict[str, Any] = {"channel": "dns", "list": "pta", "reason": "order", "province": "PK-PB"} | more
    same: dict[str, Any] = {"action": "splash", "rule": "bad.example", "order": 1, "category": "", "generation": 4}
    return BlockRecord(time_s, subscriber=7, count=count, **same, **said)


def is_shared(box: Box) -> bool:
    """Whether other gateways may use its database: what is of all of them is not in the text of one."""
    return box.engine.dialect.name == "postgresql"


def put(store: Path, count: int, time_s: int = BEGUN, **more: str) -> None:
    block_store.put(store, record(count, time_s, **more))


def released(box: Box, quarter: str = "2026-Q3", node: str = NODE) -> dict[str, Any]:
    with reading(box.engine) as conn:
        row = find_release(conn, quarter, node)
    assert row is not None
    return dict(json.loads(check_document(document_of(row.text, row.note), [SIGNER.vkey])))


def test_a_quarter_that_is_over_is_signed_once_and_what_comes_late_gives_no_second_text(box: Box, store: Path) -> None:
    put(store, 40)
    put(store, 500, reason="pause", list="")
    with writing(box.records) as conn:
        add_csam_counts(conn, [CsamCount(BEGUN, NODE, "stop", "dns", 12)])
    assert publish_last(box, clocks(BEGUN + DAY_S), RULES, None) is None

    assert publish_last(box, clocks(OVER), RULES, None) == "2026-Q3"
    first = released(box)
    put(store, 3, channel="sni")

    assert publish_last(box, clocks(OVER + DAY_S), RULES, None) is None
    assert released(box) == first and first["is_whole"]
    assert first["orders"] == (None if is_shared(box) else [])
    assert [(row["month"], row["list"], row["count"]) for row in first["blocks"]] == [("2026-08", "pta", 40)]
    assert first["csam"] == [{"month": "2026-08", "channel": "dns", "count": 12}]
    assert "stop" not in json.dumps(first) and first["bypass"] is None


def test_a_wall_clock_that_is_ahead_publishes_nothing(box: Box, store: Path) -> None:
    put(store, 40)

    assert publish_last(box, clocks(BEGUN + DAY_S, step_s=90 * DAY_S), RULES, None) is None
    with reading(box.engine) as conn:
        assert find_release(conn, "2026-Q3", NODE) is None


def test_a_quarter_without_anything_is_not_published(box: Box) -> None:
    assert publish_last(box, clocks(OVER), RULES, None) is None


def test_what_was_destroyed_by_its_age_is_said(box: Box, store: Path) -> None:
    put(store, 40)

    publish_last(box._replace(kept_s=30 * DAY_S), clocks(OVER), RULES, None)

    assert not released(box)["is_whole"]


def test_what_a_shorter_age_has_destroyed_before_is_said_whatever_age_is_set_now(box: Box, store: Path) -> None:
    put(store, 40)
    with writing(box.engine) as conn:
        note_gone(conn, QUARTER_BEGINS + 1)
        note_gone(conn, QUARTER_BEGINS - DAY_S)

    publish_last(box, clocks(OVER), RULES, None)

    assert not released(box)["is_whole"]


def test_while_records_of_the_quarter_wait_in_the_spool_nothing_is_published(box: Box, store: Path) -> None:
    put(store, 40)
    with pytest.raises(OSError, match="2026-Q3 still wait in the spool"):
        publish_last(box._replace(waits_since=lambda: BEGUN), clocks(OVER), RULES, None)

    assert publish_last(box._replace(waits_since=lambda: OVER - 60), clocks(OVER), RULES, None) == "2026-Q3"


def test_attempts_of_the_first_quarter_are_not_known_and_those_of_the_next_are_what_has_come_since(
    box: Box, store: Path
) -> None:
    put(store, 40)
    put(store, 40, OVER)
    publish_last(box, clocks(OVER), RULES, {"vpn": {"dns": 1000}})
    publish_last(box, clocks(OVER + 92 * DAY_S), RULES, {"vpn": {"dns": 1042, "quic": 7}, "doh": {"dns": 3}})

    assert released(box)["bypass"] is None
    bypass = released(box, "2026-Q4")["bypass"]
    if is_shared(box):
        assert bypass is None
        return
    counts = [(row["list"], row["count"]) for row in bypass]
    assert sum(count for _, count in counts) == 52 and all(count >= 10 for _, count in counts)


def test_attempts_over_a_quarter_that_was_not_published_are_not_said_to_be_of_the_next(box: Box, store: Path) -> None:
    put(store, 40)
    put(store, 40, OVER + 92 * DAY_S)
    publish_last(box, clocks(OVER), RULES, {"vpn": {"dns": 1000}})
    publish_last(box, clocks(OVER + 183 * DAY_S), RULES, {"vpn": {"dns": 1042}})

    assert released(box, "2027-Q1")["bypass"] is None


def test_while_older_records_are_rows_of_the_database_nothing_is_published(box: Box) -> None:
    with writing(box.records) as conn:
        append_blocks(conn, [record(40)], bytes(32))

    with pytest.raises(OSError, match="in no file yet"):
        publish_last(box, clocks(OVER), RULES, None)
