"""The auditor's pages: found, taken away, verified; and each pull an event."""

import re
import socket
from collections.abc import AsyncGenerator, Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt import ledgers
from support.mgmt.desk import NOW
from support.mgmt.events import events_of
from support.mgmt.holds import begin_hold, two
from support.mgmt.published import published
from support.mgmt.staff_desk import Browser, Come
from support.present import present

from mgmt.ledger import bundle
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_archive import ArchiveFailure, FoundRecord
from mgmt.registers.records.block_ledger import BlockRecord, RecordQuery
from mgmt.web.desk import audit_records as records
from mgmt.web.kit.app_context import ARCHIVE
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where
from parental.store.schema.privileges import LEDGER

NOON = int(NOW.timestamp()) - 3600
Note = Callable[..., None]


@pytest.fixture
def note(database: Where, engine: Engine) -> Note:
    """Records in the database."""

    def put(*found: BlockRecord) -> None:
        ledger = open_database(database, LEDGER)
        with writing(ledger) as conn:
            block_ledger.append_blocks(conn, found, bytes(32))
        ledger.dispose()

    return put


def record(rule: str = "bad.test", at: int = NOON, **more: Any) -> BlockRecord:
    said: dict[str, Any] = {"channel": "dns", "list": "pta", "category": "adult", "reason": "order", "order": 0}
    said |= {"action": "splash", "generation": 1, "subscriber": 7} | more
    return BlockRecord(time_s=at, rule=rule, **said)


def pulls(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    with reading(engine) as conn:
        return [(each["action"], each["said"]) for each in events_of(conn, "pulls")]


def rules_in(text: str) -> list[str]:
    return re.findall(r'class="long">([a-z0-9]+\.test)<', text)


async def test_the_first_page_says_what_is_recorded_and_what_is_not_and_is_no_pull(
    browser: Browser, come: Come, engine: Engine
) -> None:
    begin_hold(engine, two(engine))
    with writing(engine) as conn:
        published(conn)
    come("auditor")

    status, text = await browser.get("/audit")

    assert status == 200 and "What is not recorded" in text and "There is no browsing history here" in text
    assert "WP 1/2026" in text and "/desk/audit/statistics/2026-Q3" in text
    assert "Records are rows of the database here" in text
    assert pulls(engine) == []


async def test_records_are_found_page_by_page_without_a_gap_and_each_page_is_an_event(
    browser: Browser, come: Come, engine: Engine, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "N_SHOWN", 2)
    note(*(record(f"r{n}.test", NOON + n // 3) for n in range(5)), record("theirs.test", reason="pause"))
    come("auditor")

    status, text = await browser.get("/audit/blocks?since=2026-08-01&until=2026-08-03")
    seen = [rules_in(text)]
    while found := re.search(r'href="/desk(/audit/blocks\?[^"]+)">Next page', text):
        status, text = await browser.get(found[1].replace("&amp;", "&"))
        seen.append(rules_in(text))

    assert status == 200 and seen == [["r0.test", "r1.test"], ["r2.test", "r3.test"], ["r4.test"]]
    assert [(action, said["format"]) for action, said in pulls(engine)] == [("blocks pulled", "page")] * 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["a.test", "b.test"]),
        ("list=own", ["b.test"]),
        ("category=malware", ["b.test"]),
        ("channel=sni", ["b.test"]),
        ("province=PK-SD", ["a.test"]),
        ("province=unknown&channel=dns", []),
        ("order=9", []),
        ("since=2026-08-03&until=2026-08-03", ["a.test", "b.test"]),
        ("since=2026-08-02&until=2026-08-02", []),
        ("list=x%27%20OR%201=1", []),
    ],
)
async def test_a_page_is_of_what_was_asked_for(
    browser: Browser, come: Come, note: Note, query: str, expected: list[str]
) -> None:
    note(
        record("a.test", province="PK-SD"),
        record("b.test", list="own", category="malware", channel="sni"),
    )
    come("auditor")

    _, text = await browser.get(f"/audit/blocks?{query}")

    assert rules_in(text) == expected


async def test_what_a_record_holds_is_text_and_nothing_else(browser: Browser, come: Come, note: Note) -> None:
    note(record("<script>alert(1)</script>", list='"><img src=x>'))
    come("auditor")

    _, text = await browser.get("/audit/blocks")

    assert "<script>alert" not in text and "<img" not in text and "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=2026-08-05&until=2026-08-03", "after the last one"),
        ("since=yesterday", "no day"),
        ("until=9999-12-31", "too far"),
        ("since=0001-01-01", "too far"),
        ("order=x", "no number"),
        ("order=99999999999999999999", "no number"),
        ("channel=smoke", "unknown"),
        ("province=Punjab", "no code"),
        ("list=a%E2%80%AEb", "write it plainly"),
        ("at=1-1-1", "place in the records: unknown"),
    ],
)
async def test_what_cannot_be_asked_says_why_and_is_no_pull(
    browser: Browser, come: Come, engine: Engine, query: str, said: str
) -> None:
    come("auditor")

    for path in ("/audit/blocks", *(() if "at=" in query else ("/audit/blocks.csv", "/audit/bundle.ndjson"))):
        status, text = await browser.get(f"{path}?{query}")
        assert status == 422 and said in text, path
    assert pulls(engine) == []


async def test_records_and_the_ledger_are_taken_away_and_each_is_an_event(
    browser: Browser, come: Come, engine: Engine, note: Note
) -> None:
    note(record("=cmd.test"), record("b.test", list="own"))
    come("auditor")
    ledgers.sign(engine)

    status, csv = await browser.get("/audit/blocks.csv?list=pta")
    _, ndjson = await browser.get("/audit/blocks.ndjson")
    assert status == 200 and "'=cmd.test" in csv and "b.test" not in csv
    assert ndjson.count("\n") == 2
    status, text = await browser.get("/audit/blocks.parquet")
    assert status == 422 and "rows of the database" in text
    status, text = await browser.get("/audit/bundle.ndjson")
    assert status == 404 and "have no proof" in text
    status, _ = await browser.get("/audit/ledger.ndjson")
    assert status == 200

    assert [action for action, _ in pulls(engine)] == ["blocks pulled", "blocks pulled", "ledger exported"]
    assert pulls(engine)[0][1]["list"] == "pta"


async def test_the_ledger_is_verified_here_and_the_page_says_what_that_does_not_show(
    browser: Browser, come: Come, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    come("auditor")
    csrf = await browser.csrf()
    ledgers.sign(engine)

    status, text = await browser.send("/audit/verify", csrf=csrf, what="ledger")

    assert status == 200 and "No fault" in text and "whole, in order, unaltered" in text
    assert "What it does not show" in text and "filterd audit verify ledger.ndjson" in text
    assert [action for action, _ in pulls(engine)] == ["ledger verified"]

    real = bundle.page_of

    def altered(*args: Any) -> tuple[bytes, int]:
        lines, after = real(*args)
        return lines.replace(b"person added", b"person addad"), after

    monkeypatch.setattr(bundle, "page_of", altered)
    _, text = await browser.send("/audit/verify", csrf=csrf, what="ledger")
    assert "No fault" not in text and "event 0: altered" in text
    assert "nothing was changed" not in text and "What it does not show" not in text


async def test_rows_of_the_database_are_not_said_to_be_verified(browser: Browser, come: Come, engine: Engine) -> None:
    come("auditor")

    status, text = await browser.send("/audit/verify", csrf=await browser.csrf(), what="blocks")

    assert status == 422 and "have no proof; nothing verified" in text
    assert pulls(engine) == []


async def test_a_quarter_has_its_charts_and_its_files_and_each_is_an_event(
    browser: Browser, come: Come, engine: Engine
) -> None:
    with writing(engine) as conn:
        published(conn, node="gw1")
    come("auditor")

    status, text = await browser.get("/audit/statistics/2026-Q3?node=gw1")
    assert status == 200 and "Blocks by month" in text and "<rect" in text and "are protected" in text
    status, svg = await browser.get("/audit/statistics/2026-Q3/svg?node=gw1")
    assert status == 200 and svg.lstrip().startswith("<svg")
    for path in ("/audit/statistics/2026-Q3", "/audit/statistics/2026-Q9", "/audit/statistics/x/svg"):
        status, text = await browser.get(path)
        assert status == 404 and ("not published" in text or "no quarter" in text)

    assert [said["format"] for _, said in pulls(engine)] == ["page", "svg"]


class PlayedArchive:
    """What the archive says, as the test sets it."""

    def __init__(self) -> None:
        self.found: list[FoundRecord] = []
        self.asked: list[Any] = []
        self.fails = False

    async def page(self, wanted: RecordQuery, skip: int, limit: int) -> list[FoundRecord]:
        self.asked.append((wanted.since_s, skip))
        if self.fails:
            raise ArchiveFailure("archive: no reply")
        later = [each for each in self.found if each.time_s >= wanted.since_s]
        return later[skip : skip + limit]

    async def bundle(self, first: date, last: date) -> AsyncGenerator[bytes]:
        self.asked.append((first, last))
        if self.fails:
            raise ArchiveFailure("archive: no reply")
        yield b'{"bundle":"filterd-blocks/1","first":0,"frontier":[],"ke'
        yield b'ys":[],"until":0}\nx'


@pytest.fixture
def archive(browser: Browser) -> PlayedArchive:
    """Records of this box are files."""
    played = PlayedArchive()
    present(browser.client.app)._state[ARCHIVE] = played  # frozen for others: the application runs already
    return played


def found(rule: str, at: int) -> FoundRecord:
    words = {"channel": "dns", "action": "splash", "list": "pta", "category": "adult", "reason": "order"}
    return FoundRecord(
        time_s=at, rule=rule, order=0, generation=1, subscriber=None, count=1, province="unknown", **words
    )


async def test_pages_of_files_go_on_within_a_second(
    browser: Browser, come: Come, archive: PlayedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "N_SHOWN", 2)
    archive.found = [found(f"r{n}.test", NOON + (n > 0)) for n in range(7)]
    come("auditor")

    _, text = await browser.get("/audit/blocks")
    seen = rules_in(text)
    while more := re.search(r'href="/desk(/audit/blocks\?[^"]+)">Next page', text):
        _, text = await browser.get(more[1].replace("&amp;", "&"))
        seen += rules_in(text)

    assert seen == [f"r{n}.test" for n in range(7)]
    assert archive.asked[1:] == [(NOON + 1, 1), (NOON + 1, 3), (NOON + 1, 5)]
    assert "Parquet" in text and "Bundle with proof" in text


async def test_an_archive_that_is_away_is_said(browser: Browser, come: Come, archive: PlayedArchive) -> None:
    archive.fails = True
    come("auditor")
    csrf = await browser.csrf()

    for status, text in (
        await browser.get("/audit/blocks"),
        await browser.get("/audit/bundle.ndjson"),
        await browser.send("/audit/verify", csrf=csrf, what="blocks"),
    ):
        assert status == 503 and "archive: no reply" in text


async def test_a_fault_of_the_records_is_shown_as_one(
    browser: Browser, come: Come, engine: Engine, archive: PlayedArchive
) -> None:
    come("auditor")
    csrf = await browser.csrf()

    status, text = await browser.send("/audit/verify", csrf=csrf, what="blocks", since="2026-08-01", until="2026-08-03")
    assert status == 200 and 'role="alert"' in text and "No fault" not in text

    ((action, said),) = pulls(engine)
    assert (action, said["first"], said["node"]) == ("blocks verified", "2026-07-31", socket.gethostname())


async def test_a_month_of_the_operators_days_is_verified_and_more_is_neither_read_nor_said_to_be(
    browser: Browser, come: Come, engine: Engine, archive: PlayedArchive
) -> None:
    come("auditor")
    csrf = await browser.csrf()
    month = {"csrf": csrf, "what": "blocks", "until": "2026-07-31"}

    status, text = await browser.send("/audit/verify", since="2026-06-30", **month)
    assert status == 422 and "more than 31 days; nothing was verified" in text
    assert archive.asked == [] == pulls(engine)
    status, text = await browser.send("/audit/verify", since="2026-07-01", **month)

    assert status == 200 and archive.asked == [(date(2026, 6, 30), date(2026, 7, 31))]


@pytest.mark.parametrize("role", ["compliance", "approver", "engineer", "support", "regulator"])
async def test_nobody_but_an_auditor_takes_records_here(
    browser: Browser, come: Come, engine: Engine, role: str
) -> None:
    come(role)

    for path in ("/audit", "/audit/blocks", "/audit/blocks.csv", "/audit/bundle.ndjson", "/audit/ledger.ndjson"):
        assert (await browser.get(path))[0] == 403, path
    assert pulls(engine) == []
