import json
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.block_proof import Store

from filterd.audit.archive.archive_service import Archive
from filterd.audit.archive_messages import ARCHIVE_REQUESTS
from filterd.audit.siem import sources
from filterd.audit.siem.cursor import Position
from filterd.audit.siem.sources import NoRecords, first_position, sources_of
from filterd.box.places import ARCHIVE, CONTROL, archive_socket, control_socket
from filterd.config import read_config
from filterd.config.siem import Siem
from filterd.control.base.context import Context
from filterd.control.watches.siem import SiemWatch
from filterd.process.control_messages import CONTROL_REQUESTS
from filterd.process.json_socket import serve
from mgmt.ledger.event import STAFF, Actor, Event
from mgmt.ledger.store import append_all
from parental.store.database import writing

AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


@pytest.fixture
async def box(store: Store, engine: Engine, tmp_path: Path) -> AsyncIterator[Path]:
    """The folder of sockets where an archive and a control answer."""
    store.fill(3)
    with writing(engine) as conn:
        events = [Event(STAFF, "token created", Actor("account", "root"), {"token": n}) for n in range(150)]
        append_all(conn, events, AT)
    config = read_config(b"dns: {upstreams: ['192.0.2.53:53']}\n", "test", tmp_path)
    watch = SiemWatch(Context(config, tmp_path / "x", engine))

    async def answer(request: object) -> object:
        return watch.events(request)  # type: ignore[arg-type]

    with closing(Archive(store.path)) as archive:
        servers = [
            await serve(archive_socket(tmp_path), ARCHIVE, ARCHIVE_REQUESTS, archive.answer),
            await serve(control_socket(tmp_path), CONTROL, CONTROL_REQUESTS, answer),
        ]
        yield tmp_path
        for server in servers:
            server.close()


def messages(frames: bytes) -> list[str]:
    """Frames taken apart by their lengths, as RFC 5425 §4.3 has it."""
    found = []
    while frames:
        length, _, rest = frames.partition(b" ")
        found.append(rest[: int(length)].decode())
        frames = rest[int(length) :]
    return found


@pytest.mark.parametrize(("name", "n"), [("blocks", 12), ("ledger", 150)])
async def test_a_stream_is_read_to_its_end_a_page_at_a_time(box: Path, name: str, n: int) -> None:
    source = sources_of(Siem(body="json"), box)[name]
    at, bodies = await first_position(source, "oldest"), list[dict[str, Any]]()
    while (page := await source.page(at, 5)).n:
        assert page.n <= 5 and page.waiting == n - len(bodies) and page.since_s is not None
        bodies += [json.loads(each[each.index("{") :]) for each in messages(page.frames)]
        at = page.after

    assert len({(each["number"], each.get("index")) for each in bodies}) == len(bodies) == n
    assert at == await first_position(source, "now")


async def test_a_message_has_the_time_of_its_record_and_says_what_it_is(box: Path) -> None:
    there = sources_of(Siem(), box)
    [event] = messages((await there["ledger"].page(Position(3), 1)).frames)
    [block] = messages((await there["blocks"].page(Position(0, 1), 1)).frames)

    assert event.startswith("<110>1 2026-11-28T09:30:00.000Z ") and " filterd - ledger - {" in event
    assert block.startswith("<110>1 2027-01-15T23:59:59Z ") and " filterd - block - {" in block
    assert json.loads(block[block.index("{") :])["metadata"]["uid"] == "block/0.1"
    assert json.loads(event[event.index("{") :])["metadata"]["uid"] == "ledger/3"


async def test_a_source_that_was_set_back_or_is_away_gives_none_and_says_why(box: Path, tmp_path: Path) -> None:
    there = sources_of(Siem(), box)
    with pytest.raises(NoRecords, match=r"archive: .* record 0 of leaf 99 was asked for, and its tree has 6 leaves"):
        await there["blocks"].page(Position(99), 1)
    with pytest.raises(NoRecords, match="control: ledger: event 151 was asked for, and there are 150"):
        await there["ledger"].page(Position(151), 1)
    with pytest.raises(NoRecords, match=r"archive: .*archive\.sock"):
        await sources_of(Siem(), tmp_path / "nowhere")["blocks"].page(Position(0), 1)


def test_an_instant_that_no_calendar_has_is_no_time_of_a_header() -> None:
    assert sources._time(1 << 62) == sources._time(-(1 << 62)) == "-"
    assert sources._time(0) == "1970-01-01T00:00:00.000Z"


def test_what_is_not_to_be_sent_is_not_asked_for(tmp_path: Path) -> None:
    assert list(sources_of(Siem(send=("ledger",)), tmp_path)) == ["ledger"]
