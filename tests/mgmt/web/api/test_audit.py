import csv
import io
import json
import socket
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from aiohttp import ClientError
from sqlalchemy import Engine
from support.mgmt.desk import Client, Desk, DeskOf

from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_archive import ArchiveFailure, OrderName
from mgmt.registers.records.block_ledger import BlockRecord, CsamCount, RecordQuery
from mgmt.web.kit.app_context import ARCHIVE
from parental.store.database import writing

NOON = 1785758400  # 2026-08-03T12:00:00Z
ORDER = {"issuer": "PTA", "ref": "=PTA/1", "ground": "g", "entries": ["bad.example"]}


def record(**changes: Any) -> Any:
    said = {
        "time_s": NOON,
        "channel": "sni",
        "action": "splash",
        "list": "orders",
        "rule": "bad.example",
        "order": 1,
        "category": "",
        "reason": "order",
        "generation": 42,
        "subscriber": 7,
    }
    return BlockRecord(**{**said, **changes})


@pytest.fixture
def note(engine: Engine) -> Any:
    def note(*records: Any) -> None:
        with writing(engine) as conn:
            block_ledger.append_blocks(conn, records, bytes(range(32)))

    return note


async def pulled(desk: Desk, query: str = "") -> list[dict[str, Any]]:
    status, _, body = await desk.raw("GET", f"/v1/audit/blocks{query}")
    assert status == 200
    return [json.loads(line) for line in body.decode().splitlines()]


async def test_a_record_says_what_was_blocked_by_which_order_and_nothing_of_whom(desk: DeskOf, note: Any) -> None:
    await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER)
    note(record(), record())

    [found] = await pulled(desk("auditor"))

    subscriber = found.pop("subscriber")
    assert len(subscriber) == 32 and subscriber not in ("7", "192.0.2.7")
    assert found == {
        "time": "2026-08-03T12:00:00Z",
        "channel": "sni",
        "action": "splash",
        "list": "orders",
        "rule": "bad.example",
        "order": "=PTA/1",
        "issuer": "PTA",
        "category": None,
        "reason": "order",
        "generation": 42,
        "count": 2,
        "province": "unknown",
    }


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_what_a_household_has_chosen_is_in_no_pull(desk: DeskOf, note: Any, form: str) -> None:
    note(*(record(reason=reason, category="adult", rule="theirs.example") for reason in block_ledger.HOUSEHOLD))
    note(record())

    _, _, body = await desk("auditor").raw("GET", f"/v1/audit/blocks?format={form}")

    assert b"bad.example" in body
    assert b"theirs.example" not in body and b"adult" not in body


async def test_csv_holds_the_same_and_no_cell_is_a_formula(desk: DeskOf, note: Any) -> None:
    await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER)
    note(record(), record(reason="security", list="", rule="", order=0, channel="lock", subscriber=None))

    status, headers, body = await desk("auditor").raw("GET", "/v1/audit/blocks?format=csv")

    assert status == 200
    assert headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert [row["order"] for row in rows] == ["'=PTA/1", ""]
    assert [row["reason"] for row in rows] == ["order", "security"]
    assert rows[1]["subscriber"] == ""


async def test_since_is_inside_and_until_is_outside(desk: DeskOf, note: Any) -> None:
    note(*(record(time_s=NOON + i, rule=f"r{i}.example") for i in range(4)))

    found = await pulled(desk("auditor"), "?since=2026-08-03T12:00:01Z&until=2026-08-03T17:00:03%2B05:00")

    assert [r["rule"] for r in found] == ["r1.example", "r2.example"]


async def test_many_records_stream_in_order_of_time_each_once(desk: DeskOf, note: Any) -> None:
    note(*(record(time_s=NOON + i // 700, rule=f"r{i}.example") for i in reversed(range(2500))))

    found = await pulled(desk("auditor"))

    assert sorted(r["rule"] for r in found) == sorted(f"r{i}.example" for i in range(2500))
    assert [r["time"] for r in found] == sorted(r["time"] for r in found)


async def test_csam_is_counted_by_hour_and_never_recorded(desk: DeskOf, engine: Engine) -> None:
    with writing(engine) as conn:
        for _ in range(3):
            block_ledger.add_csam_counts(conn, [CsamCount(NOON + 61, "gw1", "iwf", "sni", 2)])

    status, body = await desk("auditor").ask("GET", "/v1/audit/csam-counts")

    assert status == 200
    assert body == {
        "counts": [{"hour": "2026-08-03T12:00:00Z", "node": "gw1", "list": "iwf", "channel": "sni", "count": 6}]
    }
    assert await pulled(desk("auditor")) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("order=1", {"a.example"}),
        ("list=own", {"b.example"}),
        ("category=adult", {"b.example"}),
        ("channel=dns", {"a.example"}),
        ("province=PK-SD", {"a.example"}),
        ("province=unknown", {"b.example"}),
        ("channel=dns&list=own", set()),
        ("list=x%27%20OR%201=1", set()),
    ],
)
async def test_a_pull_is_of_what_was_asked_for(desk: DeskOf, note: Any, query: str, expected: set[str]) -> None:
    note(
        record(rule="a.example", channel="dns", province="PK-SD"),
        record(rule="b.example", list="own", order=0, category="adult"),
    )

    assert {each["rule"] for each in await pulled(desk("auditor"), f"?{query}")} == expected


class PlayedArchive:
    """What the archive says, as the test sets it."""

    def __init__(self) -> None:
        self.pieces: list[bytes | Exception] = [b"one", b"two"]
        self.asked: list[Any] = []

    async def pull(self, wanted: RecordQuery, form: str, orders: Sequence[OrderName]) -> AsyncGenerator[bytes]:
        self.asked.append((wanted, form, [order.ref for order in orders]))
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


@pytest.fixture
def archive(client: Client) -> PlayedArchive:
    """Records of this box are files."""
    played = PlayedArchive()
    assert client.app is not None
    client.app._state[ARCHIVE] = played  # frozen for others: the application runs already
    return played


async def test_records_that_are_files_come_from_the_archive_as_they_are(desk: DeskOf, archive: PlayedArchive) -> None:
    await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER)

    query = "since=1970-01-01T00:00:00Z&until=1970-01-01T01:00:00Z&format=parquet&order=1&channel=sni"
    status, headers, body = await desk("auditor").raw("GET", f"/v1/audit/blocks?{query}")

    assert (status, body) == (200, b"onetwo")
    assert headers["Content-Type"] == "application/vnd.apache.parquet"
    assert headers["Filterd-Node"] == socket.gethostname()
    assert archive.asked == [(RecordQuery(0, 3600, order=1, channel="sni"), "parquet", ["=PTA/1"])]


async def test_an_archive_that_is_away_is_said_before_anything_goes_out(desk: DeskOf, archive: PlayedArchive) -> None:
    archive.pieces = [ArchiveFailure("archive: no reply")]

    status, headers, body = await desk("auditor").raw("GET", "/v1/audit/blocks")

    assert status == 503 and int(headers["Retry-After"]) > 0
    assert json.loads(body)["type"].endswith("records-away")


async def test_a_stream_that_cannot_go_on_is_cut_off_and_does_not_seem_whole(
    desk: DeskOf, archive: PlayedArchive
) -> None:
    archive.pieces = [b"one", ArchiveFailure("archive: its disk")]

    with pytest.raises(ClientError):
        await desk("auditor").raw("GET", "/v1/audit/blocks")


async def test_while_records_move_to_files_no_pull_shows_a_part_of_them(
    desk: DeskOf, archive: PlayedArchive, note: Any
) -> None:
    note(record())

    status, _ = await desk("auditor").ask("GET", "/v1/audit/blocks")

    assert status == 503 and archive.asked == []


async def test_parquet_is_refused_where_records_are_rows(desk: DeskOf) -> None:
    status, body = await desk("auditor").ask("GET", "/v1/audit/blocks?format=parquet")

    assert (status, body["where"]) == (422, "?format")


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=2026-08-03T12:00:00",
        "format=xlsx",
        "order=0",
        "order=x",
        "channel=tv",
        "list=",
        "province=Sindh",
        "province=PK-SD%0A",
    ],
)
async def test_a_query_that_cannot_be_taken_is_named(desk: DeskOf, query: str) -> None:
    status, body = await desk("auditor").ask("GET", f"/v1/audit/blocks?{query}")

    assert (status, body["where"]) == (422, "?" + query.partition("=")[0])
