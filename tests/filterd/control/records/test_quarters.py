"""Control publishes the statistics of a quarter."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from support.block_store import drain_all
from support.mgmt.confirmed import SIGNER
from support.spool import TIME_NS, block_event, put_segment

from fastpath.images.verdict import Reason
from filterd.audit.block_search import counted
from filterd.audit.drain import Ledger, drain_spools
from filterd.control.records.quarters import DELAY, Box, publish_last
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
from mgmt.registers.records.statistics.cells import cells_of, groups_of_lines, groups_of_rows, last_quarter
from mgmt.registers.records.statistics.releases import find_release
from mgmt.registers.records.statistics.statement import check_document
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where
from parental.store.schema.privileges import CONTROL, LEDGER
from parental.store.schema.records import UNKNOWN_PROVINCE

NODE = socket.gethostname()
BEGUN = int(datetime(2026, 8, 3, tzinfo=UTC).timestamp())
OVER = int(datetime(2026, 10, 2, 12, tzinfo=UTC).timestamp())
QUARTER_BEGINS = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())
DAY_S = 86_400
RULES = Rules()


@pytest.fixture
def box(database: Where) -> Iterator[Box]:
    """With the accounts that control has, on PostgreSQL."""
    engine, records = open_database(database, CONTROL), open_database(database, LEDGER)
    with writing(records) as conn:
        begin(conn, Clocks(NODE, BEGUN, 0.0, "one"))
    yield Box(engine, records, SIGNER, None, 1095 * DAY_S)
    engine.dispose()
    records.dispose()


def clocks(at_s: int, step_s: int = 0) -> Clocks:
    return Clocks(NODE, at_s + step_s, float(at_s - BEGUN), "one")


def put(records: Engine, count: int, time_s: int = BEGUN, **more: str) -> None:
    said = {"channel": "dns", "list": "pta", "reason": "order"} | more
    record = BlockRecord(
        time_s, said["channel"], "splash", said["list"], "bad.example", 1, "", said["reason"], 4, 7, count
    )
    with writing(records) as conn:
        append_blocks(conn, [record], bytes(32))


def released(box: Box, quarter: str = "2026-Q3", node: str = "") -> dict[str, Any]:
    with reading(box.engine) as conn:
        row = find_release(conn, quarter, node)
    assert row is not None
    return dict(json.loads(check_document(document_of(row.text, row.note), [SIGNER.vkey])))


def test_a_quarter_that_is_over_is_signed_once_and_what_comes_late_gives_no_second_text(box: Box) -> None:
    put(box.records, 40)
    put(box.records, 500, reason="pause", list="")
    with writing(box.records) as conn:
        add_csam_counts(conn, [CsamCount(BEGUN, NODE, "stop", "dns", 12)])
    assert publish_last(box, clocks(BEGUN + DAY_S), RULES, None) is None

    assert publish_last(box, clocks(OVER), RULES, None) == "2026-Q3"
    first = released(box)
    put(box.records, 3, channel="sni")

    assert publish_last(box, clocks(OVER + DAY_S), RULES, None) is None
    assert released(box) == first and first["is_whole"] and first["orders"] == []
    assert [(row["month"], row["list"], row["count"]) for row in first["blocks"]] == [("2026-08", "pta", 40)]
    assert first["csam"] == [{"month": "2026-08", "channel": "dns", "count": 12}]
    assert "stop" not in json.dumps(first) and first["bypass"] is None


def test_a_wall_clock_that_is_ahead_publishes_nothing(box: Box) -> None:
    put(box.records, 40)

    assert publish_last(box, clocks(BEGUN + DAY_S, step_s=90 * DAY_S), RULES, None) is None
    with reading(box.engine) as conn:
        assert find_release(conn, "2026-Q3", "") is None


def test_a_quarter_without_anything_is_not_published(box: Box) -> None:
    assert publish_last(box, clocks(OVER), RULES, None) is None


def test_what_was_destroyed_by_its_age_is_said(box: Box) -> None:
    put(box.records, 40)

    publish_last(box._replace(kept_s=30 * DAY_S), clocks(OVER), RULES, None)

    assert not released(box)["is_whole"]


def test_what_a_shorter_age_has_destroyed_before_is_said_whatever_age_is_set_now(box: Box) -> None:
    put(box.records, 40)
    with writing(box.engine) as conn:
        note_gone(conn, QUARTER_BEGINS + 1)
        note_gone(conn, QUARTER_BEGINS - DAY_S)

    publish_last(box, clocks(OVER), RULES, None)

    assert not released(box)["is_whole"]


def test_while_records_of_the_quarter_wait_in_the_spool_nothing_is_published(box: Box) -> None:
    put(box.records, 40)
    with pytest.raises(OSError, match="2026-Q3 still wait in the spool"):
        publish_last(box._replace(waits_since=lambda: BEGUN), clocks(OVER), RULES, None)

    assert publish_last(box._replace(waits_since=lambda: OVER - 60), clocks(OVER), RULES, None) == "2026-Q3"


def test_attempts_of_the_first_quarter_are_not_known_and_those_of_the_next_are_what_has_come_since(box: Box) -> None:
    put(box.records, 40)
    put(box.records, 40, OVER)
    publish_last(box, clocks(OVER), RULES, {"vpn": {"dns": 1000}})
    publish_last(box, clocks(OVER + 92 * DAY_S), RULES, {"vpn": {"dns": 1042, "quic": 7}, "doh": {"dns": 3}})

    assert released(box)["bypass"] is None
    counts = [(row["list"], row["count"]) for row in released(box, "2026-Q4")["bypass"]]
    assert sum(count for _, count in counts) == 52 and all(count >= 10 for _, count in counts)


def test_attempts_over_a_quarter_that_was_not_published_are_not_said_to_be_of_the_next(box: Box) -> None:
    put(box.records, 40)
    put(box.records, 40, OVER + 92 * DAY_S)
    publish_last(box, clocks(OVER), RULES, {"vpn": {"dns": 1000}})
    publish_last(box, clocks(OVER + 183 * DAY_S), RULES, {"vpn": {"dns": 1042}})

    assert released(box, "2027-Q1")["bypass"] is None


class _Archive:
    """An archive that answers as the role does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fails = folder, False

    async def pull(self, wanted: RecordQuery, form: str, orders: object) -> AsyncIterator[bytes]:
        assert (form, orders) == ("counts", ())
        for piece in counted(self.folder, "enforcement", wanted):
            yield piece


def test_records_that_are_files_are_counted_by_the_archive_under_the_name_of_this_box(box: Box, tmp_path: Path) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, *(block_event(f"n{number}.test") for number in range(25)))
    drain_all(tmp_path / "spool", tmp_path / "store")
    archive: Any = _Archive(tmp_path / "store")
    ended = TIME_NS // 10**9 + 90 * DAY_S

    assert publish_last(box._replace(archive=archive), clocks(ended), RULES, None) == "2027-Q1"

    said = released(box, "2027-Q1", NODE)
    assert sum(row["count"] for row in said["blocks"]) == 25
    assert (said["orders"] is None) == (box.engine.dialect.name == "postgresql")


def test_rows_and_files_of_the_same_blocks_make_the_same_cells_with_their_provinces(box: Box, tmp_path: Path) -> None:
    said = [(number % 11, (Reason.ORDER, Reason.CATEGORY)[number % 5 == 0]) for number in range(60)]
    for store in ("rows", "files"):
        events = (block_event(f"n{n % 3}.test", subscriber=n, reason=reason) for n, reason in said)
        put_segment(tmp_path / store / "spool/dns-0", 1, *events)
    places = {n: ("PK-PB", "PK-SD", UNKNOWN_PROVINCE)[n % 3] for n in range(11)}
    provinces: Any = SimpleNamespace(of=lambda subscribers: {each: places[each] for each in subscribers})
    drain_spools(tmp_path / "rows/spool", Ledger(box.records, bytes(32), NODE, None, None, provinces))
    drain_all(tmp_path / "files/spool", tmp_path / "files/store", provinces.of)

    quarter = last_quarter(datetime.fromtimestamp(TIME_NS / 10**9 + 90 * DAY_S, UTC), ZoneInfo("Asia/Karachi"), DELAY)
    wanted = RecordQuery(quarter.months[0].since_s, quarter.months[-1].until_s)
    with reading(box.records) as conn:
        rows = cells_of("all", groups_of_rows(conn, wanted))
    files = cells_of("all", groups_of_lines(b"".join(counted(tmp_path / "files/store", "enforcement", wanted))))

    assert rows == files and sum(rows.values()) == 48
    assert {cell[1] for cell in rows} == {"PK-PB", "PK-SD", UNKNOWN_PROVINCE}


def test_while_records_move_to_files_nothing_is_published(box: Box, tmp_path: Path) -> None:
    put(box.records, 40)
    archive: Any = _Archive(tmp_path)
    with pytest.raises(OSError, match="in no file yet"):
        publish_last(box._replace(archive=archive), clocks(OVER), RULES, None)
