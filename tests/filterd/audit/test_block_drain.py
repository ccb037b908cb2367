import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from support.block_store import NODE_KEY, found
from support.database.sqlite import make_database
from support.spool import SLOT_OCTETS, TIME_NS, block_event, put_segment

from fastpath.images.verdict import Reason
from filterd.audit import block_drain, block_files
from filterd.audit.block_batches import Batches, batch_numbers, no_records, read_batch
from filterd.audit.block_drain import BlockDrain, refuse_rows
from filterd.audit.drain import Ledger
from filterd.audit.provinces import Provinces
from filterd.box.errors import MissingPart
from mgmt.registers.records.block_ledger import (
    BlockRecord,
    Position,
    append_blocks,
    day_key,
    iter_csam_counts,
    page_of_blocks,
    pseudonym_of,
    write_position,
)
from parental.people import accounts, children
from parental.people.reports import totals_of
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import open_database, reading, writing
from parental.store.errors import DatabaseFault

TIME_S = TIME_NS // 10**9


@pytest.fixture
def one_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """In SQLite, where no other would differ."""
    make_database(tmp_path / "filterd.db")
    engine = open_database(tmp_path / "filterd.db")
    yield Ledger(engine, NODE_KEY, "node-1")
    engine.dispose()


def opened(tmp_path: Path, ledger: Ledger, keeps_household: bool = True) -> BlockDrain:
    drain = BlockDrain(tmp_path / "spool", tmp_path / "store/batches", ledger, lambda: keeps_household)
    drain.begin()
    return drain


def drain_all(tmp_path: Path, ledger: Ledger) -> None:
    drain = opened(tmp_path, ledger)
    while drain.drain():
        pass


def counted(ledger: Ledger) -> int:
    """All CSAM counts together."""
    with reading(ledger.engine) as conn:
        return sum(each.count for each in iter_csam_counts(conn, 0, 2**40))


def csam(n: int = 1) -> list[bytes]:
    return [block_event("secret.test", reason=Reason.CSAM)] * n


def test_what_the_verifiers_probe_meets_is_in_no_batch(tmp_path: Path, ledger: Ledger) -> None:
    of_probe = block_event("probed.test", subscriber=900)
    put_segment(tmp_path / "spool/gate-0", 1, of_probe, block_event("bad.test", subscriber=7), of_probe)
    put_segment(tmp_path / "spool/gate-1", 1, of_probe)

    drain_all(tmp_path, ledger._replace(probe=900))

    batches = [read_batch(tmp_path / "store/batches", n) for n in batch_numbers(tmp_path / "store/batches")]
    assert [kind.rule for batch in batches for kind in batch.enforcement.kinds] == ["bad.test"]
    assert sorted(batches[-1].positions) == ["gate-0", "gate-1"]


def test_a_block_is_in_a_batch_and_not_in_the_database_and_its_spool_is_overwritten(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = put_segment(tmp_path / "spool/dns-0", 1, block_event(), block_event("b.test"), *csam())

    drain_all(tmp_path, ledger)

    assert found(tmp_path / "store") == {"bad.test": 1, "b.test": 1}
    assert counted(ledger) == 1
    with reading(ledger.engine) as conn:
        assert page_of_blocks(conn, 0, 2**40, (-1, 0)) == []
    assert path.read_bytes()[SLOT_OCTETS:].strip(b"\0") == b""


def test_a_pseudonym_is_that_of_the_database_for_auditors_and_another_one_for_the_household(
    tmp_path: Path, one_ledger: Ledger
) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, block_event(), block_event(reason=Reason.PAUSE))

    drain_all(tmp_path, one_ledger)

    batch = read_batch(tmp_path / "store/batches", 1)
    with writing(one_ledger.engine) as conn:
        key = day_key(conn, "2027-01-15")
    assert batch.enforcement.pseudonyms.hex() == pseudonym_of(7, key, NODE_KEY)
    assert len(batch.household.pseudonyms) == 16
    assert batch.household.pseudonyms != batch.enforcement.pseudonyms


def test_what_a_child_met_is_counted_as_ever(tmp_path: Path, ledger: Ledger) -> None:
    with writing(ledger.engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (parse_prefix("192.0.2.7"),)))
        child = children.add_child(conn, 7, {"nickname": "Ayesha"}, Profile()).profile
    events = [block_event(reason=Reason.PAUSE, subscriber=child)] * 3
    put_segment(tmp_path / "spool/dns-0", 1, *events, block_event(subscriber=child), block_event(reason=Reason.PAUSE))

    drain_all(tmp_path, ledger)

    with reading(ledger.engine) as conn:
        totals = totals_of(conn, child, date(2020, 1, 1))
    assert [sum(of_day.values()) for of_day in totals.values()] == [3]


def test_a_household_that_keeps_nothing_has_no_record(tmp_path: Path, one_ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, block_event(), block_event("theirs.test", reason=Reason.PAUSE))

    assert opened(tmp_path, one_ledger, keeps_household=False).drain() == 2

    assert found(tmp_path / "store") == {"bad.test": 1}
    assert b"theirs" not in (tmp_path / "store/batches/0000000001.batch").read_bytes()


def test_where_the_database_fails_after_the_batch_counts_are_made_up_for_and_nothing_is_there_twice(
    tmp_path: Path, one_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = block_event("a" * 60 + "." + "b" * 60 + "." + "c" * 60 + ".test")
    path = put_segment(tmp_path / "spool/dns-0", 1, *csam(5), long, *csam(3), long, *csam(1))
    drain = opened(tmp_path, one_ledger)

    def fails(*_: object) -> None:
        raise DatabaseFault("it is away")

    with monkeypatch.context() as patched:
        patched.setattr(block_drain, "count_found", fails)
        with pytest.raises(DatabaseFault):
            drain.drain()
    assert path.read_bytes()[SLOT_OCTETS:].strip(b"\0") != b""
    put_segment(tmp_path / "spool/gate-0", 1, block_event("later.test"))

    drain.drain()  # of the same process: subscribers' numbers do not stay until it begins again
    assert path.read_bytes()[SLOT_OCTETS:].strip(b"\0") == b""
    drain_all(tmp_path, one_ledger)

    assert counted(one_ledger) == 9
    assert sum(found(tmp_path / "store").values()) == 3
    assert path.read_bytes()[SLOT_OCTETS:].strip(b"\0") == b""


def test_counts_of_a_segment_that_is_gone_hold_up_nothing(tmp_path: Path, one_ledger: Ledger) -> None:
    batches = Batches(tmp_path / "store/batches")
    batches.append(no_records({"dns-0": (3, 8)}))
    put_segment(tmp_path / "spool/dns-0", 4, block_event())

    drain_all(tmp_path, one_ledger)

    assert found(tmp_path / "store") == {"bad.test": 1}


def drain_as_before(ledger: Ledger, position: Position) -> None:
    """Have a row and a position in the database, as a release left them that kept records there."""
    row = BlockRecord(TIME_S, "sni", "splash", "pta", "row.test", 3, "adult", "order", 12, 7)
    with writing(ledger.engine) as conn:
        append_blocks(conn, [row], NODE_KEY)
        write_position(conn, ledger.key_of("dns-0"), position)


def test_batches_go_on_where_the_database_ended_and_what_it_left_in_the_spool_is_overwritten(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = put_segment(tmp_path / "spool/dns-0", 1, block_event("row.test"), block_event("b.test"))
    drain_as_before(ledger, Position("1", 1))

    opened(tmp_path, ledger)
    assert b"row" not in path.read_bytes()
    drain_all(tmp_path, ledger)

    assert found(tmp_path / "store") == {"b.test": 1}
    assert path.read_bytes()[SLOT_OCTETS:].strip(b"\0") == b""


def test_a_drained_segment_is_gone_and_no_number_of_a_person_is_left(tmp_path: Path, one_ledger: Ledger) -> None:
    for number in range(1, 5):
        put_segment(tmp_path / "spool/dns-0", number, block_event(f"n{number}.test", subscriber=0x11223344))

    drain_all(tmp_path, one_ledger)

    assert [path.name for path in sorted((tmp_path / "spool/dns-0").iterdir())] == ["000003.seg", "000004.seg"]
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert (0x11223344).to_bytes(4, "little") not in stored


def test_a_spool_that_cannot_be_read_holds_up_no_other_one(tmp_path: Path, one_ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, block_event()).write_bytes(b"no segment" * 40)
    put_segment(tmp_path / "spool/gate-0", 1, block_event("b.test"))

    with pytest.raises(ValueError, match=r"000001\.seg"):
        opened(tmp_path, one_ledger).drain()

    assert found(tmp_path / "store") == {"b.test": 1}


def test_rows_of_the_database_are_said_to_be_in_no_file_and_are_left_alone(tmp_path: Path, ledger: Ledger) -> None:
    refuse_rows(ledger)
    put_segment(tmp_path / "spool/dns-0", 1, block_event("row.test"))
    drain_as_before(ledger, Position("1", 1))

    drain_all(tmp_path, ledger)

    with pytest.raises(MissingPart, match=r"rows that are in no file; .* run filterd audit move"):
        refuse_rows(ledger)
    assert found(tmp_path / "store") == {}


def one_life(tmp_path: Path, after_s: float, work: Callable[[], None]) -> None:
    """Have a process work, and kill it after a time, wherever it is."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(after_s)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.services
@pytest.mark.parametrize("n", [12, pytest.param(200, marks=pytest.mark.long)])
def test_every_record_is_there_once_wherever_the_writer_is_killed(tmp_path: Path, n: int) -> None:
    drawn = random.Random(19)
    where = tmp_path / "filterd.db"
    open_database(where).dispose()
    expected = 0

    def work() -> None:
        engine = open_database(where)
        ledger = Ledger(engine, NODE_KEY, "node-1")
        drain = opened(tmp_path, ledger)
        while True:
            drain.drain()
            block_files.compact(tmp_path / "store")

    for life in range(1, n + 1):
        events = [block_event(f"n{expected + number}.test") for number in range(drawn.randrange(1, 60))]
        expected += len(events)
        put_segment(tmp_path / f"spool/dns-{life % 3}", life, *events, *csam())
        one_life(tmp_path, drawn.uniform(0.0, 0.12), work)

    engine = open_database(where)
    ledger = Ledger(engine, NODE_KEY, "node-1")
    drain_all(tmp_path, ledger)
    block_files.compact(tmp_path / "store")
    assert found(tmp_path / "store") == {f"n{number}.test": 1 for number in range(expected)}
    assert counted(ledger) == n
    engine.dispose()


def test_a_record_says_the_province_of_its_line(tmp_path: Path, one_ledger: Ledger) -> None:
    with writing(one_ledger.engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (parse_prefix("192.0.2.7"),)))
        accounts.set_province(conn, 7, "PK-PB")
    put_segment(tmp_path / "spool/dns-0", 1, block_event(), block_event(subscriber=8))

    drain_all(tmp_path, one_ledger._replace(provinces=Provinces(one_ledger.engine)))

    rows = read_batch(tmp_path / "store/batches", 1).enforcement
    assert sorted(kind.province for kind in rows.kinds) == ["PK-PB", "unknown"]
