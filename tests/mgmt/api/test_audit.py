import csv
import io
import json
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Desk, DeskOf

from mgmt import block_ledger
from mgmt.block_ledger import BlockRecord, CsamCount
from parental.database import writing

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


@pytest.mark.parametrize("query", ["since=yesterday", "until=2026-08-03T12:00:00", "format=xlsx"])
async def test_a_query_that_cannot_be_taken_is_named(desk: DeskOf, query: str) -> None:
    status, body = await desk("auditor").ask("GET", f"/v1/audit/blocks?{query}")

    assert (status, body["where"]) == (422, "?" + query.partition("=")[0])
