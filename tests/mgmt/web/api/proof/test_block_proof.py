import json
import socket
from collections.abc import AsyncGenerator
from datetime import date
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, select
from support.mgmt.desk import Client, DeskOf

from mgmt.ledger.bundle import NoCheckpoint
from mgmt.registers.records.block_archive import ArchiveFailure
from mgmt.web.kit.app_context import ARCHIVE
from parental.store.database import reading
from parental.store.schema.ledger import events

WAYS = ("bundle", "bundle/3/1", "checkpoint", "checkpoint?earlier=2")


class Head(NamedTuple):
    note: str
    size: int
    path: list[bytes]


class PlayedArchive:
    """What the archive says, as the test sets it."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.asked: list[Any] = []

    async def bundle(self, first: date, last: date) -> AsyncGenerator[bytes]:
        self._note(first, last)
        for piece in (b"one\n", b"two\n"):
            yield piece

    async def record(self, number: int, index: int) -> bytes:
        self._note(number, index)
        return b"proof\n"

    async def checkpoint(self, earlier: int | None) -> Head:
        self._note(earlier)
        return Head("a note\n", 7, [bytes(2)])

    def _note(self, *asked: Any) -> None:
        if self.fault is not None:
            raise self.fault
        self.asked.append(asked)


@pytest.fixture
def archive(client: Client) -> PlayedArchive:
    """Records of this box are files."""
    played = PlayedArchive()
    assert client.app is not None
    client.app._state[ARCHIVE] = played  # frozen for others: the application runs already
    return played


async def test_a_bundle_is_of_the_whole_days_that_a_span_touches_and_is_noted(
    desk: DeskOf, archive: PlayedArchive, engine: Engine
) -> None:
    query = "since=2026-11-01T00:00:00%2B05:00&until=2026-12-01T00:00:00Z"
    status, headers, body = await desk("auditor").raw("GET", f"/v1/audit/blocks/bundle?{query}")

    assert (status, body, headers["Filterd-Node"]) == (200, b"one\ntwo\n", socket.gethostname())
    assert archive.asked == [(date(2026, 10, 31), date(2026, 11, 30))]
    with reading(engine) as conn:
        noted = [json.loads(text) for text in conn.execute(select(events.c.text)).scalars()]
    assert [each["action"] for each in noted if each["kind"] == "pulls"] == ["blocks exported"]


async def test_one_record_and_the_checkpoint_come_as_the_archive_has_them(desk: DeskOf, archive: PlayedArchive) -> None:
    asking = desk("auditor")

    assert (await asking.raw("GET", "/v1/audit/blocks/bundle/3/1"))[2] == b"proof\n"
    assert (await asking.raw("GET", "/v1/audit/blocks/checkpoint"))[2] == b"a note\n"
    assert await asking.ask("GET", "/v1/audit/blocks/checkpoint?earlier=2") == (
        200,
        {"checkpoint": "a note\n", "earlier": 2, "path": ["0000"], "size": 7},
    )
    assert archive.asked == [(3, 1), (None,), (2,)]


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_away_or_not_there_is_said_before_anything_goes_out(
    desk: DeskOf, archive: PlayedArchive, way: str
) -> None:
    archive.fault = ArchiveFailure("archive: no reply")
    status, headers, body = await desk("auditor").raw("GET", f"/v1/audit/blocks/{way}")
    assert status == 503 and int(headers["Retry-After"]) > 0 and b"records-away" in body

    if way != "bundle":
        archive.fault = NoCheckpoint("batch 3 is not signed yet")
        assert (await desk("auditor").ask("GET", f"/v1/audit/blocks/{way}"))[0] == 404


@pytest.mark.parametrize("way", WAYS)
async def test_where_records_are_rows_there_is_no_proof(desk: DeskOf, way: str) -> None:
    status, body = await desk("auditor").ask("GET", f"/v1/audit/blocks/{way}")

    assert status == 404 and "set /records/store: files" in body["detail"]


@pytest.mark.parametrize("way", ["bundle/x/1", "bundle/1/-1", "bundle/1/9999999999999999", "checkpoint?earlier=x"])
async def test_a_number_that_is_none_is_refused(desk: DeskOf, archive: PlayedArchive, way: str) -> None:
    assert (await desk("auditor").ask("GET", f"/v1/audit/blocks/{way}"))[0] == 422
    assert archive.asked == []
