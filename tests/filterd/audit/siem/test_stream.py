"""What a stream does, whatever happens to source and collector; both are played."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from filterd.audit.siem import stream as streams
from filterd.audit.siem.collector import CollectorFailure
from filterd.audit.siem.cursor import Cursor, Position
from filterd.audit.siem.sources import NoRecords, Page
from filterd.audit.siem.stream import LEAST, MOST, PAGE, Stream


class Records:
    """Numbered from 0, a line each.   gone  how many of the first are destroyed;   fault  why none is given"""

    def __init__(self, n: int, gone: int = 0) -> None:
        self.n, self.gone, self.fault = n, gone, ""
        self.asked: list[int] = []

    async def page(self, at: Position, most: int) -> Page:
        self.asked.append(most)
        if self.fault:
            raise NoRecords(self.fault)
        if at.number == -1:
            return Page(b"", 0, Position(self.n), 0)
        begin = max(at.number, self.gone)
        end = min(self.n, begin + most)
        frames = b"".join(b"%d\n" % number for number in range(begin, end))
        since_s = 1_800_000_000.0 if end > begin else None
        return Page(frames, end - begin, Position(end), self.n - begin, begin - at.number, since_s)


class Played:
    """A collector.   taken  what was on connections that it has closed in order;   faults  step → how often it fails"""

    def __init__(self) -> None:
        self.taken, self.came, self.n = list[int](), list[int](), 0
        self.faults: dict[str, int] = {}

    async def connect(self) -> Any:
        self._may("connect")
        self.n += 1
        self._open: list[int] = []
        return self

    async def send(self, octets: bytes) -> None:
        self._may("send")
        self._open += map(int, octets.split())
        self.came += map(int, octets.split())

    async def finish(self) -> None:
        self._may("finish")
        self.taken += self._open

    def close(self) -> None:
        self._open = []

    def _may(self, step: str) -> None:
        if self.faults.get(step, 0):
            self.faults[step] -= 1
            raise CollectorFailure(f"{step} failed")


@pytest.fixture
def cursor(tmp_path: Path) -> Cursor:
    return Cursor(tmp_path)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause after a failure."""
    monkeypatch.setattr(streams, "FIRST_PAUSE_S", 0.0)


async def rounds(stream: Stream, there: Played, n: int = 20) -> None:
    for _ in range(n):
        await stream.send_some(there.connect)


async def test_every_record_is_taken_once_and_the_cursor_is_behind_the_last(cursor: Cursor) -> None:
    there = Played()
    stream = Stream("blocks", Records(20_000), cursor, "oldest")

    await rounds(stream, there)

    assert there.taken == there.came == list(range(20_000))
    assert cursor.of("blocks") == Position(20_000)
    assert (stream.said.sent, stream.said.waiting, stream.said.fault) == (20_000, 0, None)


async def test_a_box_that_has_never_sent_begins_with_what_comes_from_then_on(cursor: Cursor) -> None:
    there, records = Played(), Records(100)
    stream = Stream("blocks", records, cursor, "now")
    await rounds(stream, there)
    records.n = 103
    await rounds(stream, there)

    assert there.taken == [100, 101, 102]
    again = Stream("blocks", records, cursor, "now")
    records.n = 104
    await rounds(again, there)
    assert there.taken == [100, 101, 102, 103]


@pytest.mark.parametrize("step", ["connect", "send", "finish"])
async def test_wherever_a_connection_breaks_nothing_is_lost_and_the_cursor_waits(cursor: Cursor, step: str) -> None:
    there = Played()
    stream = Stream("blocks", Records(3000), cursor, "oldest")
    await stream.send_some(there.connect)
    before = cursor.of("blocks")
    there.faults[step] = 1

    assert not await stream.send_some(there.connect)
    assert cursor.of("blocks") == before == Position(LEAST)
    assert (stream.said.fault, stream.said.sent) == (f"{step} failed", LEAST)
    await rounds(stream, there)

    assert there.taken == list(range(3000))
    assert stream.said.fault is None


async def test_a_connection_has_few_records_after_a_failure_and_more_after_each_that_went_well(cursor: Cursor) -> None:
    there, records = Played(), Records(40_000)
    stream = Stream("blocks", records, cursor, "oldest")
    sizes = []
    for _ in range(9):
        before = len(there.taken)
        await stream.send_some(there.connect)
        sizes.append(len(there.taken) - before)

    assert sizes == [LEAST * 2**n for n in range(7)] + [MOST, MOST]
    assert max(records.asked) == PAGE
    there.faults["finish"] = 1
    await rounds(stream, there, 2)
    assert len(there.taken) == sum(sizes) + LEAST


async def test_records_destroyed_before_they_were_sent_are_counted_and_what_is_left_is_sent(cursor: Cursor) -> None:
    there = Played()
    stream = Stream("blocks", Records(100, gone=40), cursor, "oldest")

    await rounds(stream, there)

    assert there.taken == list(range(40, 100))
    assert stream.said.gone == 40


async def test_where_all_are_destroyed_the_cursor_goes_on_without_a_connection(cursor: Cursor) -> None:
    there = Played()
    stream = Stream("blocks", Records(40, gone=40), cursor, "oldest")

    await rounds(stream, there)

    assert (there.n, cursor.of("blocks"), stream.said.gone) == (0, Position(40), 40)


async def test_nothing_is_connected_where_there_is_nothing_to_send(cursor: Cursor) -> None:
    there = Played()
    await rounds(Stream("blocks", Records(0), cursor, "oldest"), there)

    assert there.n == 0


async def test_what_waits_is_said_with_the_age_of_the_oldest_by_our_own_clock_where_the_wall_clock_is_behind(
    cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Played()
    there.faults["connect"] = 1 << 20
    stream = Stream("blocks", Records(70), cursor, "oldest")
    monkeypatch.setattr(time, "time", lambda: 1_800_000_100.0)
    await rounds(stream, there, 2)
    assert stream.said.waiting == 70
    assert stream.said.oldest_s == pytest.approx(100.0)

    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 50)
    assert 49 < stream.said.oldest_s < 60


async def test_a_source_that_gives_none_is_a_fault_that_grows_old(
    cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(5)
    records.fault = "archive: away"
    stream = Stream("blocks", records, cursor, "oldest")
    await rounds(stream, Played(), 2)
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 1000)

    assert stream.said.fault == "archive: away"
    assert stream.said.oldest_s > 900


async def test_where_records_wait_and_none_is_given_that_is_a_fault(cursor: Cursor) -> None:
    class Holes(Records):
        async def page(self, at: Position, most: int) -> Page:
            return (await super().page(at, most))._replace(frames=b"", n=0, after=at)

    stream = Stream("ledger", Holes(5), cursor, "oldest")
    await rounds(stream, Played(), 2)

    assert "none is given of 5 that wait" in (stream.said.fault or "")


async def test_what_cannot_be_read_stops_this_stream_alone(cursor: Cursor) -> None:
    class Damaged(Records):
        async def page(self, at: Position, most: int) -> Page:
            raise KeyError("x" * 9000)

    stream = Stream("ledger", Damaged(5), cursor, "oldest")

    assert not await stream.send_some(Played().connect)
    assert (stream.said.fault or "").startswith("KeyError: ") and len(stream.said.fault or "") < 300


async def test_between_two_tries_there_is_a_pause_that_doubles_up_to_a_minute(
    cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FIRST_PAUSE_S", 1.0)
    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    there, tried = Played(), []
    there.faults["connect"] = 1 << 20
    stream = Stream("blocks", Records(5), cursor, "oldest")
    for second in range(400):
        now_s = float(second)
        left = there.faults["connect"]
        await stream.send_some(there.connect)
        if there.faults["connect"] < left:
            tried.append(second)

    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]


async def test_a_cursor_that_cannot_be_written_sends_again_and_says_so(cursor: Cursor, tmp_path: Path) -> None:
    there = Played()
    stream = Stream("blocks", Records(10), cursor, "oldest")
    await stream.send_some(there.connect)
    (tmp_path / "cursor.json.part").mkdir()
    stream = Stream("blocks", Records(20), cursor, "oldest")
    await rounds(stream, there, 2)
    assert (stream.said.fault or "").startswith("cursor: ")

    (tmp_path / "cursor.json.part").rmdir()
    await rounds(stream, there, 2)
    assert stream.said.fault is None
    assert sorted(set(there.taken)) == list(range(20))
    assert json.loads((tmp_path / "cursor.json").read_text()) == {"blocks": [20, 0]}
