import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import make
from support.spool import block_event, put_segment

from fastpath.images.verdict import Action, Reason
from filterd.audit.drain import Ledger
from filterd.box.places import SPOOL
from filterd.control import record_drain
from filterd.control.record_drain import RecordDrain
from mgmt.registers.records.block_ledger import page_of_blocks
from parental.store.database import reading

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
    found = RecordDrain(control.context, control.publisher, Ledger(engine, bytes(32), "gw"))
    yield found
    found.close()


async def test_what_is_in_the_spool_is_recorded_and_looked_for_again_at_once(
    drained: RecordDrain, place: Path, engine: Engine
) -> None:
    put_segment(place / "state" / SPOOL / "dns-0", 1, EVENT)

    waits = [await drained.drain(), await drained.drain()]

    assert waits == [0.0, None]
    with reading(engine) as conn:
        assert [row.rule for row in page_of_blocks(conn, 0, 2**40, (-1, 0))] == ["bad.test"]


async def test_it_works_in_a_thread_of_its_own_that_gives_way(
    drained: RecordDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = list[str]()

    def note(*_: object) -> int:
        threads.append(threading.current_thread().name)
        return 0

    monkeypatch.setattr(record_drain, "drain_spools", note)
    await drained.drain()

    assert threads == ["drain_0"]


async def test_what_an_earlier_process_has_left_is_ended_before(drained: RecordDrain, place: Path) -> None:
    spool = place / "state" / SPOOL
    spool.mkdir(parents=True)

    await drained.begin()

    assert (spool / "CACHEDIR.TAG").exists()
