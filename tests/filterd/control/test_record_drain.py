import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.block_store import found
from support.control.box import make
from support.spool import block_event, put_segment

from fastpath.images.verdict import Action, Reason
from filterd.audit.block_batches import BATCHES, CONTROL_LOCK, Batches, no_records
from filterd.audit.block_drain import BlockDrain
from filterd.audit.drain import Ledger
from filterd.audit.folder_lock import hold_lock
from filterd.box.errors import MissingPart
from filterd.box.places import BLOCKS, SPOOL
from filterd.control.record_drain import RecordDrain

pytestmark = pytest.mark.services
EVENT = block_event(
    "bad.test",
    time_ns=1_800_000_000 * 10**9,
    subscriber=7,
    action=Action.SPLASH,
    reason=Reason.ORDER,
    list_id="pta",
)


@pytest.fixture
def drained(place: Path, engine: Engine) -> Iterator[RecordDrain]:
    control = make(place, engine)
    drain = RecordDrain(control.context, control.publisher, Ledger(engine, bytes(32), "gw"))
    yield drain
    drain.close()


async def test_what_is_in_the_spool_is_recorded_and_looked_for_again_at_once(drained: RecordDrain, place: Path) -> None:
    put_segment(place / "state" / SPOOL / "dns-0", 1, EVENT)

    waits = [await drained.drain(), await drained.drain()]

    assert waits == [0.0, None]
    assert found(place / "state" / BLOCKS) == {"bad.test": 1}


async def test_it_works_in_a_thread_of_its_own_that_gives_way(
    drained: RecordDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = list[str]()

    def note(*_: object) -> int:
        threads.append(threading.current_thread().name)
        return 0

    monkeypatch.setattr(BlockDrain, "drain", note)
    await drained.drain()

    assert threads == ["drain_0"]


async def test_what_an_earlier_process_has_left_is_ended_before(drained: RecordDrain, place: Path) -> None:
    spool = place / "state" / SPOOL
    segment = put_segment(spool / "dns-0", 1, EVENT)
    positions = no_records({"dns-0": (1, 1)})
    Batches(place / "state" / BLOCKS / BATCHES).append(positions)

    await drained.begin()

    assert (spool / "CACHEDIR.TAG").exists()
    assert b"bad" not in segment.read_bytes()


async def test_while_records_move_it_begins_later(drained: RecordDrain, place: Path) -> None:
    batches = place / "state" / BLOCKS / BATCHES
    batches.mkdir(parents=True)
    lock = hold_lock(batches / CONTROL_LOCK)
    put_segment(place / "state" / SPOOL / "dns-0", 1, EVENT)
    for refused in (drained.begin, drained.drain):
        with pytest.raises(MissingPart, match="another process writes this folder"):
            await refused()
    os.close(lock)

    assert await drained.drain() == 0.0
    assert found(place / "state" / BLOCKS) == {"bad.test": 1}
