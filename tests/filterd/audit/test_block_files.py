import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.block_store import drain_all, found, live
from support.spool import SLOT_OCTETS, TIME_NS, block_event, put_segment

from fastpath.images.verdict import Reason
from filterd.audit.block_batches import Batches, batch_numbers, batch_path, no_records
from filterd.audit.block_files import SCHEMA, compact, days_due, forget

S = 10**9
DAY_NS = 86_400 * S
NIGHT_NS = (TIME_NS // DAY_NS + 1) * DAY_NS
LIFE = "import sys; from pathlib import Path; from support.block_store import live; live(*map(Path, sys.argv[1:]))"


class Killed(BaseException):
    """As by SIGKILL: nothing that comes after changes a file."""


def put_spools(spool: Path, *, n: int = 4, segments: int = 1) -> Counter[str]:
    """Two workers with events of two days and both ledgers; how many blocks of each rule."""
    expected: Counter[str] = Counter()
    for worker in ("dns-0", "gate-0"):
        for number in range(1, segments + 1):
            names = [f"{worker}-{number}-{i}.test" for i in range(n)]
            reasons = [Reason.ORDER, Reason.PAUSE]
            times = [NIGHT_NS - S, NIGHT_NS]
            events = [
                block_event(name, time_ns=times[i % 2], reason=reasons[i // 2 % 2], subscriber=i)
                for i, name in enumerate(names)
            ]
            put_segment(spool / worker, number, *events, *events)
            expected.update({name: 2 for name in names})
        put_segment(spool / worker, segments + 1)
    return expected


def left_in(spool: Path) -> set[str]:
    """The rules that stand in the spools still."""
    octets = b"".join(path.read_bytes()[SLOT_OCTETS:] for path in spool.glob("*/*.seg"))
    slots = [octets[at : at + SLOT_OCTETS] for at in range(0, len(octets), SLOT_OCTETS)]
    return {slot[65 : 65 + slot[64]].decode() + ".test" for slot in slots if slot.strip(b"\0")}


def dies_at(step: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From its call number `step` on, nothing that changes the disk returns.   The list grows by an element a call."""
    calls: list[int] = []

    def mortal(what: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            calls.append(1)
            if len(calls) > step:
                raise Killed
            return what(*args, **named)

        return call

    for name in ("fsync", "pwrite", "unlink", "fdatasync"):
        monkeypatch.setattr(os, name, mortal(getattr(os, name)))
    for name in ("replace", "unlink", "mkdir"):
        monkeypatch.setattr(Path, name, mortal(getattr(Path, name)))
    return calls


def test_whenever_the_process_dies_each_record_is_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(1000):
        spool, store = tmp_path / f"{step}/spool", tmp_path / f"{step}/store"
        expected = put_spools(spool)
        with monkeypatch.context() as patched:
            calls = dies_at(step, patched)
            with contextlib.suppress(Killed):
                live(spool, store)
        if (store / "batches").exists():
            at_death = found(store)
            assert at_death == {rule: expected[rule] for rule in at_death}
            assert set(at_death) | left_in(spool) == set(expected)
        live(spool, store)
        assert found(store) == expected
        assert left_in(spool) == set()
        assert len(batch_numbers(store / "batches")) == 1
        assert list(store.rglob("*.part")) == []
        if len(calls) <= step:
            break
    else:
        raise AssertionError("it never lived to its end")
    assert step > 20


def test_a_death_in_each_of_many_lives_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = random.Random(19)
    spool, store = tmp_path / "spool", tmp_path / "store"
    expected = put_spools(spool, segments=5)
    for _ in range(30):
        with monkeypatch.context() as patched:
            dies_at(drawn.randrange(1, 30), patched)
            with contextlib.suppress(Killed):
                live(spool, store)

    live(spool, store)

    assert found(store) == expected


@pytest.mark.services
@pytest.mark.parametrize(
    "n_kills", [pytest.param(3, id="3 kills"), pytest.param(200, id="200 kills", marks=pytest.mark.long)]
)
def test_a_process_that_is_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, n_kills: int) -> None:
    drawn = random.Random(n_kills)
    spool, store = tmp_path / "spool", tmp_path / "store"
    expected = put_spools(spool, n=2000, segments=3)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", LIFE, str(spool), str(store)]
    began = time.monotonic()
    subprocess.run([*command[:2], "import support.block_store"], check=True, env=environment)
    start_s = time.monotonic() - began

    for _ in range(n_kills):
        process = subprocess.Popen(command, env=environment)
        time.sleep(start_s * drawn.uniform(0.8, 1.3))
        process.send_signal(signal.SIGKILL)
        process.wait()

    subprocess.run(command, check=True, env=environment)
    assert found(store) == expected
    assert left_in(spool) == set()


def test_files_lie_by_ledger_and_day_and_any_reader_of_parquet_reads_them(tmp_path: Path) -> None:
    put_spools(tmp_path / "spool")
    live(tmp_path / "spool", tmp_path / "store")

    files = sorted(str(path.relative_to(tmp_path / "store")) for path in tmp_path.glob("store/*/day=*/*"))
    days = ("2027-01-15", "2027-01-16")
    name = "0000000001-0000000002.parquet"
    assert files == [f"{ledger}/day={day}/{name}" for ledger in ("enforcement", "household") for day in days]
    table = pq.read_table(tmp_path / "store" / files[0], partitioning=None)
    assert table.schema.equals(SCHEMA)
    assert {each.date().isoformat() for each in table["time"].to_pylist()} == {days[0]}
    stored = pq.ParquetFile(tmp_path / "store" / files[0]).metadata.row_group(0).column(0)
    assert (stored.compression, set(stored.encodings)) == ("ZSTD", {"DELTA_BINARY_PACKED", "RLE"})


def test_a_newest_batch_that_was_put_aside_keeps_its_number_and_no_file_is_lost(tmp_path: Path) -> None:
    expected = put_spools(tmp_path / "spool")
    live(tmp_path / "spool", tmp_path / "store")
    folder = tmp_path / "store/batches"
    newest = batch_path(folder, batch_numbers(folder)[-1])
    newest.rename(newest.with_name(newest.name + ".damaged"))

    batches = Batches(folder)
    for _ in range(2):
        batches.append(no_records({}))
    compact(tmp_path / "store")

    assert found(tmp_path / "store") == expected


def test_batches_whose_numbers_began_again_are_refused_and_nothing_is_removed(tmp_path: Path) -> None:
    expected = put_spools(tmp_path / "spool")
    live(tmp_path / "spool", tmp_path / "store")
    folder = tmp_path / "store/batches"
    newest = batch_path(folder, batch_numbers(folder)[-1])
    newest.rename(tmp_path / "elsewhere")
    Batches(folder).append(no_records({}))

    for look in (compact, found):
        with pytest.raises(ValueError, match="batches go up to 1, and files up to"):
            look(tmp_path / "store")

    batch_path(folder, 1).rename(newest)
    assert found(tmp_path / "store") == expected


def test_the_newest_batch_stays_for_its_positions(tmp_path: Path) -> None:
    batches = Batches(tmp_path / "batches")
    batches.append(no_records({"dns-0": (1, 1)}))

    assert compact(tmp_path).n_batches == 0
    batches.append(no_records({"dns-0": (2, 1)}))

    assert compact(tmp_path) == (1, 0, [])
    assert Batches(tmp_path / "batches").positions == {"dns-0": (2, 1)}


def test_records_of_more_days_than_files_may_be_open_become_files_of_each_day(tmp_path: Path) -> None:
    events = [block_event(f"{at // 300}.test", time_ns=TIME_NS + at % 300 * 86_400 * 10**9) for at in range(900)]
    put_segment(tmp_path / "spool/dns-0", 1, *events)
    batches = drain_all(tmp_path / "spool", tmp_path / "store")
    batches.append(no_records(batches.positions))

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 50, limits[1]))
    try:
        made = compact(tmp_path / "store")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert (made.n_records, len(made.files)) == (900, 300)
    for path in made.files[::50]:
        table = pq.read_table(path, partitioning=None)
        assert table.num_rows == 3
        assert {f"day={each.date().isoformat()}" for each in table["time"].to_pylist()} == {path.parent.name}


def test_a_damaged_batch_is_said_and_no_batch_is_gone(tmp_path: Path) -> None:
    put_spools(tmp_path / "spool")
    batches = drain_all(tmp_path / "spool", tmp_path / "store")
    numbers = batch_numbers(batches.folder)
    batch_path(batches.folder, 1).write_bytes(b"rubbish")

    with pytest.raises(ValueError, match=r"0000000001\.batch: damaged"):
        compact(tmp_path / "store")

    assert batch_numbers(batches.folder) == numbers
    assert list(tmp_path.glob("store/*/day=*/*")) == []


def test_a_full_disk_while_files_are_written_leaves_all_batches_and_the_next_try_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = put_spools(tmp_path / "spool")
    batches = drain_all(tmp_path / "spool", tmp_path / "store")
    batches.append(no_records(batches.positions))
    calls = 0

    def full(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 10:  # folders, and one whole file
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            compact(tmp_path / "store")
    assert found(tmp_path / "store") == expected

    assert list(tmp_path.glob("store/*/day=*/*.parquet")) != []
    batches.append(no_records(batches.positions))
    made = compact(tmp_path / "store")
    assert (made.n_batches, made.n_records) == (3, len(expected))
    assert sorted(tmp_path.glob("store/*/day=*/*")) == sorted(made.files)
    assert found(tmp_path / "store") == expected


def test_days_are_forgotten_in_their_ledger_once_they_have_ended(tmp_path: Path) -> None:
    put_spools(tmp_path / "spool")
    live(tmp_path / "spool", tmp_path / "store")

    store = tmp_path / "store"
    assert days_due(store, "household", NIGHT_NS // S - 1) == []
    assert forget(store, "household", days_due(store, "household", NIGHT_NS // S)) == 1
    assert forget(store, "household", days_due(store, "household", NIGHT_NS // S)) == 0

    days = sorted(str(path.relative_to(tmp_path / "store")) for path in tmp_path.glob("store/*/day=*"))
    assert days == ["enforcement/day=2027-01-15", "enforcement/day=2027-01-16", "household/day=2027-01-16"]


def test_records_before_1970_and_of_far_days_have_files_of_their_days(tmp_path: Path) -> None:
    far = 9_000_000_000 * S
    put_segment(tmp_path / "spool/dns-0", 1, block_event("a.test", time_ns=1), block_event("b.test", time_ns=far))
    live(tmp_path / "spool", tmp_path / "store")

    days = sorted(path.name for path in tmp_path.glob("store/enforcement/*"))
    assert days == ["day=1970-01-01", "day=2255-03-14"]
