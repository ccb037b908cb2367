"""Block records on a disk that loses its power: what a worker had synced is there once, and the proof still holds."""

import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from support.block_proof import verified
from support.block_store import NODE_KEY, found
from support.spool import block_event, put_segment
from support.system.disk import Disk, why_not

from filterd.audit import block_files
from filterd.audit.archive.block_bundle import bundle_of
from filterd.audit.archive.block_tree import BlockTree, SignedCheckpoint
from filterd.audit.block_drain import BlockDrain
from filterd.audit.block_seal import BlockSeal
from filterd.audit.drain import Ledger
from parental.store.database import open_database

pytestmark = [pytest.mark.kernel, pytest.mark.skipif(bool(why_not()), reason=why_not() or "possible")]

N_WORKERS = 3


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path)
    yield disk
    disk.close()


def synced(path: Path, top: Path) -> None:
    """As a worker has it once it has said so: the file, its name, and those of its folders up to `top`."""
    for each in (path, *(folder for folder in path.parents if folder.is_relative_to(top))):
        descriptor = os.open(each, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def in_a_process(work: Callable[[], None], after_s: float | None = None) -> None:
    """Have a process work to its end, or for so long and no further; it may not end by a fault of its own."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == (0 if after_s is None else -signal.SIGKILL), "it failed: see what it printed"


def live(folder: Path, is_last: bool) -> None:
    """Drain, have what came in the tree, sign it, make files of it; again and again."""
    engine = open_database(folder / "filterd.db")
    (folder / "store/batches").mkdir(parents=True, exist_ok=True)
    drain = BlockDrain(folder / "spool", folder / "store/batches", Ledger(engine, NODE_KEY, "node-1"), lambda: True)
    drain.begin()
    with closing(BlockTree(folder / "store")) as tree:
        while drain.drain() or not is_last:
            tree.catch_up()
            seal_what_came(folder, tree)
            block_files.compact(folder / "store")
        tree.catch_up()
        seal_what_came(folder, tree)
    engine.dispose()


def seal_what_came(folder: Path, tree: BlockTree) -> None:
    seal = BlockSeal(folder / "keys", "gw.example")
    signed = seal.seal(tree.head(seal.signed))
    if signed is not None:
        tree.put_checkpoint(SignedCheckpoint(signed.size, signed.note, signed.vkey))


@pytest.mark.parametrize("n", [15, pytest.param(100, marks=pytest.mark.long)])
def test_every_synced_record_is_there_once_wherever_the_power_is_cut_and_the_bundle_verifies(
    disk: Disk, n: int
) -> None:
    drawn, expected = random.Random(28), 0
    (disk.folder / "keys").mkdir()
    synced(disk.folder / "keys", disk.folder)
    for life in range(1, n + 1):
        names = [f"n{expected + number}.test" for number in range(drawn.randrange(1, 60))]
        expected += len(names)
        segment = put_segment(disk.folder / f"spool/dns-{life % N_WORKERS}", life, *map(block_event, names))
        synced(segment, disk.folder)
        in_a_process(lambda: live(disk.folder, is_last=False), drawn.uniform(0.0, 0.4))
        disk.cut_power()

    in_a_process(lambda: live(disk.folder, is_last=True))

    assert found(disk.folder / "store") == {f"n{number}.test": 1 for number in range(expected)}
    with closing(BlockTree(disk.folder / "store")) as tree:
        octets = b"".join(bundle_of(disk.folder / "store", tree, date.min, date.max))
    assert verified(octets).records == expected


def test_the_disk_of_these_tests_loses_what_was_not_synced(disk: Disk) -> None:
    (disk.folder / "kept").write_bytes(b"x" * 10_000)
    synced(disk.folder / "kept", disk.folder)
    (disk.folder / "lost").write_bytes(b"x" * 10_000)

    disk.cut_power()

    assert (disk.folder / "kept").stat().st_size == 10_000
    assert not (disk.folder / "lost").exists()
