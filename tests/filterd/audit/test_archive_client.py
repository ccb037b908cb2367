import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from support.block_store import drain_all
from support.spool import TIME_NS, block_event, put_segment

from filterd.audit import archive_client, block_export
from filterd.audit.archive.archive_service import Archive
from filterd.audit.archive_client import ArchiveClient
from filterd.audit.archive_messages import ARCHIVE_REQUESTS
from filterd.audit.retention import Due
from filterd.box.places import ARCHIVE, archive_socket
from filterd.process.json_socket import serve
from mgmt.registers.records.block_archive import ArchiveFailure, OrderName
from mgmt.registers.records.block_ledger import RecordQuery
from mgmt.registers.records.statistics.cells import groups_of_lines

ALL = RecordQuery(0, 1 << 33)
ORDERS = [OrderName(number, "PTA", f"PTA-{number}") for number in range(1, 6)]


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """One that answers on its socket."""
    put_segment(tmp_path / "spool/dns-0", 1, *(block_event(f"n{number}.test") for number in range(50)))
    drain_all(tmp_path / "spool", tmp_path / "store")
    archive = Archive(tmp_path / "store")
    server = await serve(archive_socket(tmp_path), ARCHIVE, ARCHIVE_REQUESTS, archive.answer)
    yield archive
    server.close()
    archive.close()


async def pulled(client: ArchiveClient) -> bytes:
    async with aclosing(client.pull(ALL, "csv", ORDERS)) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_a_pull_is_put_together_of_its_pieces(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_export, "PIECE_OCTETS", 500)
    monkeypatch.setattr(archive_client, "ORDERS_AT_ONCE", 2)

    text = (await pulled(ArchiveClient(tmp_path))).decode()

    assert text.count("PTA-3,PTA,adult") == 50
    assert not archive._searches


async def test_what_is_left_in_the_middle_is_closed(archive: Archive, tmp_path: Path) -> None:
    async with aclosing(ArchiveClient(tmp_path).pull(ALL, "csv", ORDERS)) as pieces:
        async for _ in pieces:
            break

    assert not archive._searches


async def test_a_pull_that_ends_early_is_no_whole_one(archive: Archive, tmp_path: Path) -> None:
    client = ArchiveClient(tmp_path)
    with pytest.raises(ArchiveFailure, match="not open"):
        async with aclosing(client.pull(ALL, "csv", ORDERS)) as pieces:
            async for _ in pieces:
                archive._searches.clear()


async def test_two_pulls_at_once_do_not_meet(archive: Archive, tmp_path: Path) -> None:
    del archive
    first, second = await asyncio.gather(pulled(ArchiveClient(tmp_path)), pulled(ArchiveClient(tmp_path)))

    assert first == second and first.count(b"\r\n") == 51


async def test_control_asks_how_it_is_and_has_old_days_removed(archive: Archive, tmp_path: Path) -> None:
    del archive
    client = ArchiveClient(tmp_path)

    assert (await client.status()).batches == 1
    assert await client.forget(Due(TIME_NS // 10**9, 0)) == 0


async def test_an_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveFailure, match=r"archive\.sock.*start the role"):
        await ArchiveClient(tmp_path).status()
    with pytest.raises(ArchiveFailure, match=r"archive\.sock"):
        await pulled(ArchiveClient(tmp_path))


async def test_counts_of_what_is_alike_are_lines_for_statistics(archive: Archive, tmp_path: Path) -> None:
    del archive
    async with aclosing(ArchiveClient(tmp_path).pull(ALL, "counts", ())) as pieces:
        groups = groups_of_lines(b"".join([piece async for piece in pieces]))

    assert sum(group.count for group in groups) == 50
