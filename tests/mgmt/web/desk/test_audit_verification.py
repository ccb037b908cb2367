"""Verification on the server finds what the offline verifier finds, and says as little more."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.block_proof import FIRST, Store

from mgmt.registers.records.block_archive import ArchiveFailure
from mgmt.web.desk.audit_verification import verify_blocks

LAST = FIRST + timedelta(days=1)


class PlayedArchive:
    """A bundle in pieces of any size."""

    def __init__(self, octets: bytes, n: int = 7, fails: bool = False) -> None:
        self.octets, self.n, self.fails = octets, n, fails

    async def bundle(self, first: date, last: date) -> AsyncGenerator[bytes]:
        for at in range(0, len(self.octets), self.n):
            yield self.octets[at : at + self.n]
            await asyncio.sleep(0)
        if self.fails:
            raise ArchiveFailure("archive: its disk")


@pytest.fixture
def octets(tmp_path: Path) -> bytes:
    with Store(tmp_path) as store:
        store.fill(2)
        store.sign()
        return store.bundle()


@pytest.mark.parametrize("n", [1, 97, 1 << 20])
async def test_what_is_whole_is_said_to_be_so_with_the_key_that_signed(octets: bytes, n: int) -> None:
    found = await verify_blocks(PlayedArchive(octets, n), FIRST, LAST)  # type: ignore[arg-type]

    assert found.is_whole and found.said.startswith("8 records in batches 0 to 3: whole, in order, unaltered")
    assert [key.split("+")[0] for key in found.keys] == ["gw.example/filterd-blocks"]


async def test_a_changed_octet_or_an_end_that_is_missing_is_a_fault(octets: bytes) -> None:
    at = octets.index(b'"count":')
    for wrong in (octets[:at] + b'"count":7' + octets[at + 9 :], octets[:-100], b"", b"{}\n"):
        found = await verify_blocks(PlayedArchive(wrong), FIRST, LAST)  # type: ignore[arg-type]
        assert not found.is_whole and found.keys == ()


async def test_an_archive_that_fails_is_no_verification(octets: bytes) -> None:
    with pytest.raises(ArchiveFailure):
        await verify_blocks(PlayedArchive(octets, fails=True), FIRST, LAST)  # type: ignore[arg-type]
