import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from filterd.config import Config, read_config
from filterd.control.base.context import Context
from filterd.control.watches.siem import SiemWatch
from filterd.process.codec import FailureReply, encode_reply
from filterd.process.control_messages import CONTROL_REQUESTS, EventsFrom, NextEvents, SiemReport, StreamStatus
from filterd.process.json_socket import LINE_OCTETS
from mgmt.ledger.event import STAFF, Actor, Event
from mgmt.ledger.store import append_all, redact
from parental.store.database import open_database, writing
from parental.store.engines import Where
from parental.store.schema import ledger

AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
ROOT = Actor("account", "root")


def config_of(folder: Path, server: str | None = "siem.example:6514") -> Config:
    said = {"dns": {"upstreams": ["192.0.2.53:53"]}}
    there = {"siem": {"server": server, "send": ["ledger"], "alarm_after": "10m"}} if server else {}
    return read_config(json.dumps(said | there).encode(), "test", folder)


@pytest.fixture
def context(database: Where, tmp_path: Path) -> Iterator[Context]:
    engine = open_database(database)
    yield Context(config_of(tmp_path), tmp_path / "x", engine)
    engine.dispose()


@pytest.fixture
def watch(context: Context) -> SiemWatch:
    return SiemWatch(context)


def fill(engine: Engine, n: int, reason: str = "") -> None:
    with writing(engine) as conn:
        append_all(
            conn, [Event(STAFF, "token created", ROOT, {"token": at}, {"reason": reason}) for at in range(n)], AT
        )


def told(watch: SiemWatch, number: int, most: int = 1000) -> NextEvents:
    found = watch.events(EventsFrom(number, most))
    assert isinstance(found, NextEvents)
    return found


def sending(oldest_s: float = 0.0, fault: str | None = None) -> StreamStatus:
    return StreamStatus(sent=3, waiting=7, oldest_s=oldest_s, gone=0, fault=fault)


def test_events_come_in_their_order_each_once_and_those_of_now_on_are_behind_all(
    context: Context, watch: SiemWatch
) -> None:
    fill(context.engine, 230)
    at, numbers = 0, list[int]()
    while (page := told(watch, at)).events:
        assert page.waiting == 230 - at
        numbers += [each.number for each in page.events]
        at = page.number

    assert numbers == list(range(230))
    assert told(watch, -1) == NextEvents([], 230, 0)


def test_an_event_is_its_text_as_the_ledger_has_it_and_a_redacted_one_has_none(
    context: Context, watch: SiemWatch
) -> None:
    fill(context.engine, 2, "a person's name")
    with writing(context.engine) as conn:
        redact(conn, 1, "a name", ROOT, AT)

    whole, redacted, by = told(watch, 0).events

    assert json.loads(whole.text or "")["said"] == {"reason": "a person's name"}
    assert redacted.text is None and len(redacted.leaf) == 64
    assert json.loads(by.text or "")["about"] == {"event": 1}


@pytest.mark.parametrize("letter", ["é", "\x01", '"', "a", "\U0001f600"])
def test_the_largest_events_fit_into_a_line_of_the_socket(context: Context, watch: SiemWatch, letter: str) -> None:
    fill(context.engine, 20, letter * (65_000 // len(json.dumps(letter, ensure_ascii=False)[1:-1].encode())))

    page = told(watch, 0)

    assert 0 < len(page.events) < 20
    assert len(encode_reply(page)) < LINE_OCTETS


@pytest.mark.parametrize("number", [4, 1 << 60, -2])
def test_an_event_that_the_ledger_does_not_have_is_refused(context: Context, watch: SiemWatch, number: int) -> None:
    fill(context.engine, 3)

    found = watch.events(EventsFrom(number, 1))

    assert isinstance(found, FailureReply) and "was set back; no event given" in found.reason


async def test_a_stream_that_is_behind_is_a_fault_until_it_is_not(watch: SiemWatch) -> None:
    watch.note(SiemReport({"ledger": sending(599.0, "siem.example:6514: Connection refused"), "blocks": sending()}))
    await watch.look()

    watch.note(SiemReport({"ledger": sending(600.0, "siem.example:6514: Connection refused"), "blocks": sending()}))
    with pytest.raises(OSError) as fault:
        await watch.look()
    assert str(fault.value) == "siem: records wait for longer than 10m; ledger: siem.example:6514: Connection refused"
    watch.note(SiemReport({"ledger": sending()}))
    await watch.look()


def test_a_text_that_is_longer_than_any_event_is_not_given(context: Context, watch: SiemWatch) -> None:
    with writing(context.engine) as conn:
        conn.execute(insert(ledger.events).values(number=0, time_ms=1, kind="k" * 99, text="x" * (1 << 21), leaf=b"l"))

    [given] = told(watch, 0).events

    assert (given.text, given.kind) == ("", "k" * 20)


@pytest.mark.parametrize(
    "streams",
    [
        {"children": {"sent": 1, "waiting": 0, "oldest_s": 0, "gone": 0, "fault": None}},
        {"ledger": {"sent": -1, "waiting": 0, "oldest_s": 0, "gone": 0, "fault": None}},
        {"ledger": {"sent": 1, "waiting": 0, "oldest_s": -1, "gone": 0, "fault": None}},
        {"ledger": {"sent": 1, "waiting": 0, "oldest_s": 0, "gone": 0, "fault": "x" * 501}},
    ],
)
def test_a_report_that_says_more_than_a_role_may_is_refused(streams: Any) -> None:
    line = json.dumps({"op": "siem_report", "streams": streams}).encode()

    with pytest.raises(ValueError, match="request siem_report: "):
        CONTROL_REQUESTS.decode(line)


def test_what_a_terminal_would_obey_is_not_kept_of_a_fault(watch: SiemWatch) -> None:
    watch.note(SiemReport({"ledger": sending(0.0, "a\x1b[2Jb\nc")}))

    assert watch.streams["ledger"].fault == "a?[2Jb?c"


async def test_a_role_that_says_nothing_is_a_fault(
    context: Context, watch: SiemWatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 61)
    with pytest.raises(OSError, match="the role does not say how it is"):
        await watch.look()

    watch.note(SiemReport({"ledger": sending()}))
    await watch.look()
    assert watch.streams == {"ledger": sending()}
    context.config = config_of(tmp_path, None)
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 600)
    await watch.look()
    assert watch.streams == {}
    context.config = config_of(tmp_path)
    await watch.look()  # a role that is to begin has its time
