import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.block_store import drain_all, found
from support.spool import TIME_NS, block_event, put_segment

from fastpath.images.verdict import Reason
from filterd.audit.archive import archive_service
from filterd.audit.archive.archive_service import MOST_SEARCHES, Archive
from filterd.audit.archive.held_files import HeldFiles
from filterd.audit.archive_messages import (
    ArchiveStatus,
    AskArchive,
    Close,
    Forget,
    ForgottenDays,
    More,
    NameOrders,
    Page,
    Piece,
    Records,
    Search,
    SearchHandle,
)
from filterd.audit.block_batches import Batches, batch_numbers, no_records
from filterd.box.errors import MissingPart
from filterd.process.codec import FailureReply
from mgmt.registers.records.block_archive import OrderName
from mgmt.registers.records.block_ledger import RecordQuery
from mgmt.registers.records.holds.scope import Scope

TIME_S = TIME_NS // 10**9
DAY_S = 86_400
ALL = RecordQuery(0, 1 << 33)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A record of each ledger and an old one, in a batch; and a newest batch, which has positions alone."""
    old = block_event("old.test", time_ns=TIME_NS - 40 * DAY_S * 10**9, reason=Reason.PAUSE)
    put_segment(tmp_path / "spool/dns-0", 1, block_event(), block_event("theirs.test", reason=Reason.PAUSE), old)
    batches = drain_all(tmp_path / "spool", tmp_path / "store")
    batches.append(no_records(batches.positions))
    return tmp_path / "store"


@pytest.fixture
async def archive(store: Path) -> AsyncIterator[Archive]:
    archive = Archive(store)
    yield archive
    archive.close()


async def opened(archive: Archive, form: Any = "csv") -> int:
    answer = await archive.answer(Search(ALL, form))
    assert isinstance(answer, SearchHandle)
    return answer.search


async def whole(archive: Archive, number: int) -> bytes:
    octets = b""
    while True:
        piece = await archive.answer(More(number))
        assert isinstance(piece, Piece)
        octets += piece.data
        if piece.is_last:
            return octets


async def tended(archive: Archive) -> None:
    """One look at the batches that are there."""
    await archive.compact_if_due()


async def test_a_search_has_auditors_records_under_the_names_of_orders_and_none_of_a_household(
    archive: Archive,
) -> None:
    number = await opened(archive)
    await archive.answer(NameOrders(number, [OrderName(3, "PTA", "PTA-1")]))

    text = (await whole(archive, number)).decode()

    assert "bad.test,PTA-1,PTA,adult" in text
    assert "theirs" not in text
    assert isinstance(await archive.answer(More(number)), FailureReply)


async def test_a_pull_of_an_earlier_life_does_not_go_on_with_what_another_asker_has_opened_since(store: Path) -> None:
    before = Archive(store)
    numbers = {await opened(before) for _ in range(MOST_SEARCHES)}
    before.close()
    after = Archive(store)
    since = {await opened(after) for _ in range(MOST_SEARCHES)}

    assert not numbers & since
    assert isinstance(await after.answer(More(numbers.pop())), FailureReply)
    after.close()


async def test_batches_become_files_once_they_are_old_and_are_found_as_before(
    archive: Archive, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found(store)
    monkeypatch.setattr(archive_service, "OLD_S", 0.0)

    await tended(archive)

    assert batch_numbers(store / "batches") == [2]
    assert found(store) == before
    assert len(list(store.glob("*/day=*/*.parquet"))) == 3


async def test_a_batch_that_is_damaged_is_told_and_stays(
    archive: Archive, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_service, "OLD_S", 0.0)
    (store / "batches/0000000001.batch").write_bytes(b"\xff")

    await tended(archive)

    status = await archive.answer(AskArchive())
    assert isinstance(status, ArchiveStatus)
    assert "0000000001.batch: damaged" in status.faults["files"]
    assert batch_numbers(store / "batches") == [1, 2]


async def test_a_full_disk_is_told_batches_are_found_and_it_ends_with_the_disk_s(
    archive: Archive, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_service, "OLD_S", 0.0)
    before = found(store)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        await tended(archive)
    assert "No space left on device; batches stay as they are" in archive.faults["files"]
    assert found(store) == before
    archive.faults.clear()
    await tended(archive)

    assert archive.faults == {}
    assert found(store) == before


async def test_each_ledger_forgets_days_of_its_own_age_and_those_of_a_wrong_clock(
    archive: Archive, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_service, "OLD_S", 0.0)
    await tended(archive)

    assert await archive.answer(Forget(0, TIME_S - 30 * DAY_S, None)) == ForgottenDays(1)
    assert sorted(found(store)) == ["bad.test", "theirs.test"]
    assert await archive.answer(Forget(0, 0, TIME_S - DAY_S)) == ForgottenDays(2)
    assert sorted(found(store)) == []


async def test_what_a_legal_hold_names_stays_and_is_found_and_nothing_of_a_household_does(
    archive: Archive, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_service, "OLD_S", 0.0)
    await tended(archive)
    far_s, held = TIME_S + 9000 * DAY_S, [Scope(0, 1 << 34, list="pta")]

    await archive.answer(Forget(far_s, far_s, None, held))
    found_now = await archive.answer(Page(ALL, 0, 9))

    assert "bad.test" in found(store) and "theirs.test" not in found(store)
    assert isinstance(found_now, Records) and "bad.test" in {each.rule for each in found_now.records}
    await archive.answer(Forget(far_s, far_s, None, []))
    assert sorted(found(store)) == []


async def test_what_keeps_a_held_day_from_being_cut_keeps_nothing_of_a_household(
    archive: Archive, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive_service, "OLD_S", 0.0)
    await tended(archive)
    monkeypatch.setattr(HeldFiles, "_cut_file", full)
    far_s = TIME_S + 9000 * DAY_S

    with pytest.raises(OSError, match="No space"):
        await archive.answer(Forget(far_s, far_s, None, [Scope(0, 1 << 34, list="pta")]))

    assert sorted(found(store)) == ["bad.test"]


async def test_so_many_pulls_run_at_once_and_the_next_one_is_asked_to_come_again(archive: Archive) -> None:
    numbers = [await opened(archive) for _ in range(MOST_SEARCHES)]

    refused = await archive.answer(Search(ALL, "csv"))
    assert isinstance(refused, FailureReply) and "ask again in a minute" in refused.reason
    await archive.answer(Close(numbers[0]))

    assert b"bad.test" in await whole(archive, await opened(archive))


async def test_a_pull_that_was_left_makes_room(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(MOST_SEARCHES):
        await archive.answer(More(await opened(archive)))
    monkeypatch.setattr(archive_service, "IDLE_S", 0.0)

    assert await opened(archive)


async def test_a_pull_that_cannot_go_on_says_why_and_is_closed(archive: Archive, store: Path) -> None:
    (store / "batches/0000000001.batch").write_bytes(b"\xff")
    number = await opened(archive)
    await archive.answer(More(number))

    said = await archive.answer(More(number))

    assert isinstance(said, FailureReply) and "damaged" in said.reason
    assert isinstance(await archive.answer(NameOrders(number, [])), FailureReply)


async def test_the_status_says_what_is_there(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_service, "OLD_S", 0.0)
    await tended(archive)

    status = await archive.answer(AskArchive())

    assert isinstance(status, ArchiveStatus)
    assert (status.batches, status.oldest, status.faults) == (1, "2026-12-06", {})
    assert status.octets > 1000


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    first = Archive(tmp_path)

    with pytest.raises(MissingPart, match="another process writes this folder; not started"):
        Archive(tmp_path)

    first.close()
    Archive(tmp_path).close()


def test_what_a_killed_process_had_sorted_is_removed(tmp_path: Path) -> None:
    Archive(tmp_path).close()
    (tmp_path / "scratch/left.tmp").write_bytes(b"x")
    (tmp_path / "scratch/folder").mkdir()

    Archive(tmp_path).close()

    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_empty_folder_of_batches_is_no_work(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert not archive._is_due()
    batches = Batches(tmp_path / "batches")
    batches.append(no_records({}))
    assert not archive._is_due()
    archive.close()
