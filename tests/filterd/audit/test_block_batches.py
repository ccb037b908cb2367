import errno
import os
from array import array
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from support.block_store import drain_all, key_of
from support.spool import SLOT_OCTETS, TIME_NS, block_event, put_segment

from fastpath.images.verdict import Reason
from fastpath.report.columns import NOT_A_SUBSCRIBER
from filterd.audit.block_batches import (
    Batch,
    Batches,
    Kind,
    Rows,
    batch_numbers,
    batch_path,
    drain_to_batch,
    no_records,
    read_batch,
)
from mgmt.registers.records.block_ledger import HOUSEHOLD, keyed_pseudonym

TIME_S = TIME_NS // 10**9
DAY = TIME_S // 86_400


def drained(tmp_path: Path, *events: bytes) -> Batch:
    put_segment(tmp_path / "spool/dns-0", 1, *events)
    drain_all(tmp_path / "spool", tmp_path / "store")
    return read_batch(tmp_path / "store/batches", 1)


def test_a_batch_has_records_in_columns_and_the_position_behind_them(tmp_path: Path) -> None:
    batch = drained(tmp_path, block_event(), block_event(), block_event("z.test", subscriber=NOT_A_SUBSCRIBER))

    rows = batch.enforcement
    assert batch.positions == {"dns-0": (1, 3)}
    assert rows.kinds[0] == Kind("sni", "splash", "pta", "bad.test", 3, "adult", "order", 12)
    assert array("q", rows.time_s).tolist() == [TIME_S, TIME_S]
    assert [array("I", column).tolist() for column in (rows.kind, rows.pseudonym, rows.counts)] == [
        [0, 1],
        [1, 0],
        [2, 1],
    ]
    assert rows.pseudonyms == keyed_pseudonym(7, key_of("enforcement", DAY))
    assert batch.household == Rows()


def test_records_stand_in_order_of_their_seconds_lists_orders_and_rules_and_else_as_they_came(tmp_path: Path) -> None:
    said = [(1, "b", 1, "a"), (0, "b", 2, "a"), (0, "b", 1, "b"), (0, "a", 3, "c"), (0, "b", 1, "a")]
    events = [
        block_event(
            f"{rule}.test", time_ns=TIME_NS + second * 10**9, list_id=list_id, order=order, subscriber=subscriber
        )
        for second, list_id, order, rule in said
        for subscriber in (9, 8)
    ]

    rows = drained(tmp_path, *events).enforcement

    kinds = [rows.kinds[number] for number in array("I", rows.kind)]
    found = [
        (at - TIME_S, each.list, each.order, each.rule[0])
        for at, each in zip(array("q", rows.time_s), kinds, strict=True)
    ]
    assert found == sorted(each for each in said for _ in range(2))
    assert array("I", rows.pseudonym).tolist() == [1, 2] * 5


@pytest.mark.parametrize("reason", Reason)
def test_a_record_is_in_the_ledger_of_its_reason_and_csam_and_help_are_in_none(tmp_path: Path, reason: Reason) -> None:
    batch = drained(tmp_path, block_event(reason=reason))

    ledgers = [[kind.reason for kind in rows.kinds] for rows in (batch.enforcement, batch.household)]
    word = reason.name.lower().replace("_", "-")
    expected = [[], []] if word in ("csam", "help") else [[], [word]] if word in HOUSEHOLD else [[word], []]
    assert ledgers == expected


def test_of_csam_blocks_a_batch_says_neither_list_nor_count_and_is_as_without_them(tmp_path: Path) -> None:
    events = [block_event("secret.test", reason=Reason.CSAM, list_id="confidential", subscriber=n) for n in range(3)]
    batch = drained(tmp_path, *events)

    assert batch == no_records(batch.positions)
    written = batch_path(tmp_path / "store/batches", 1).read_bytes()
    assert b"secret" not in written and b"confidential" not in written


def test_one_subscriber_has_another_pseudonym_each_day_and_in_each_ledger(tmp_path: Path) -> None:
    next_day = (DAY + 1) * 86_400 * 10**9
    moments = [(at, reason) for at in (TIME_NS, next_day) for reason in (Reason.ORDER, Reason.PAUSE)]
    batch = drained(tmp_path, *[block_event(time_ns=at, reason=reason) for at, reason in moments])

    keys = [[key_of(ledger, day) for day in (DAY, DAY + 1)] for ledger in ("enforcement", "household")]
    expected = [b"".join(keyed_pseudonym(7, key) for key in of_ledger) for of_ledger in keys]
    assert [batch.enforcement.pseudonyms, batch.household.pseudonyms] == expected
    assert len({keyed_pseudonym(7, key) for of_ledger in keys for key in of_ledger}) == 4


def test_events_are_overwritten_in_the_spool_once_their_batch_is_there(tmp_path: Path) -> None:
    drained(tmp_path, block_event(), block_event(reason=Reason.CSAM))

    octets = (tmp_path / "spool/dns-0/000001.seg").read_bytes()
    assert octets[SLOT_OCTETS:].strip(b"\0") == b""


def test_draining_goes_on_where_the_last_process_ended(tmp_path: Path) -> None:
    drained(tmp_path, block_event("a.test"))
    put_segment(tmp_path / "spool/dns-0", 1, block_event("a.test"), block_event("b.test"))
    put_segment(tmp_path / "spool/gate-0", 1, block_event("c.test"))

    batches = drain_all(tmp_path / "spool", tmp_path / "store")

    rules = [[kind.rule for kind in read_batch(batches.folder, n).enforcement.kinds] for n in (1, 2, 3)]
    assert rules == [["a.test"], ["b.test"], ["c.test"]]
    assert Batches(batches.folder).positions == {"dns-0": (1, 2), "gate-0": (1, 1)}


def test_a_full_disk_leaves_the_records_in_the_spool_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, block_event())
    batches = Batches(tmp_path / "store/batches")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match=r"no batch of block records was written; they wait in the spool") as told:
            drain_to_batch(tmp_path / "spool/dns-0", batches, key_of)

    assert told.value.errno == errno.ENOSPC
    assert list(batches.folder.iterdir()) == [] and batches.positions == {}
    assert drain_to_batch(tmp_path / "spool/dns-0", batches, key_of) == 1


def damage(batch: Batch, rows: Rows) -> bytes:
    return msgspec.msgpack.encode(Batch(batch.positions, rows, batch.household))


def test_what_is_not_a_whole_batch_is_refused_with_its_place(tmp_path: Path) -> None:
    batch = drained(tmp_path, block_event(), block_event("b.test"))
    path = batch_path(tmp_path / "store/batches", 1)
    whole, rows = path.read_bytes(), batch.enforcement
    damaged = [whole[:n] for n in range(len(whole))]
    damaged += [whole + b"\0", b"", b"\xff" * 100]
    damaged += [
        damage(batch, msgspec.structs.replace(rows, counts=rows.counts[:-1])),
        damage(batch, msgspec.structs.replace(rows, time_s=rows.time_s + bytes(1))),
        damage(batch, msgspec.structs.replace(rows, kinds=rows.kinds[:1])),
        damage(batch, msgspec.structs.replace(rows, pseudonyms=b"")),
        damage(batch, msgspec.structs.replace(rows, pseudonyms=b"short")),
    ]

    for octets in damaged:
        path.write_bytes(octets)
        with pytest.raises(ValueError, match=r"0000000001\.batch: damaged .* add .damaged to its name"):
            read_batch(path.parent, 1)


def test_a_batch_without_records_has_the_positions(tmp_path: Path) -> None:
    batches = Batches(tmp_path)
    batches.append(no_records({"dns-0": (4, 2)}))

    assert Batches(tmp_path).positions == {"dns-0": (4, 2)}
    assert batch_numbers(tmp_path) == [1]


def test_other_files_are_no_batches(tmp_path: Path) -> None:
    for name in ("0000000001.batch.part", "1.batch", "notes"):
        (tmp_path / name).touch()

    assert batch_numbers(tmp_path) == []
    assert Batches(tmp_path).positions == {}


def test_records_say_the_province_of_their_subscriber_and_those_of_households_none(tmp_path: Path) -> None:
    events = [block_event(subscriber=7), block_event(subscriber=8), block_event(subscriber=9)]
    events += [block_event(subscriber=NOT_A_SUBSCRIBER), block_event(subscriber=7, reason=Reason.PAUSE)]
    put_segment(tmp_path / "spool/dns-0", 1, *events)
    there = {7: "PK-SD", 8: "PK-PB"}
    asked: list[int] = []

    def provinces_of(subscribers: Iterable[int]) -> dict[int, str]:
        asked.extend(subscribers)
        return {each: there.get(each, "unknown") for each in asked}

    drain_to_batch(tmp_path / "spool/dns-0", Batches(tmp_path / "store"), key_of, provinces_of=provinces_of)

    batch = read_batch(tmp_path / "store", 1)
    rows = batch.enforcement
    assert [rows.kinds[number].province for number in array("I", rows.kind)] == ["PK-SD", "PK-PB", "unknown", "unknown"]
    assert {kind.rule for kind in rows.kinds} == {"bad.test"} and len(rows.kinds) == 3
    assert [kind.province for kind in batch.household.kinds] == ["unknown"]
    assert asked == [7, 8, 9]


def test_a_batch_of_before_provinces_is_read(tmp_path: Path) -> None:
    batch = drained(tmp_path, block_event())
    path = tmp_path / "store/batches/0000000001.batch"
    said = msgspec.msgpack.decode(path.read_bytes())
    said[1][0] = [kind[:-1] for kind in said[1][0]]
    path.write_bytes(msgspec.msgpack.encode(said))

    assert read_batch(path.parent, 1) == batch


def test_what_another_account_has_put_in_the_place_of_a_batch_stops_nobody_and_leads_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of control alone")
    os.mkfifo(batch_path(tmp_path, 1))
    batch_path(tmp_path, 2).symlink_to(secret)
    batch_path(tmp_path, 3).touch()
    os.truncate(batch_path(tmp_path, 3), 1 << 40)

    for number, said in ((1, "no regular file"), (2, "symbolic links"), (3, "more than")):
        with pytest.raises(OSError, match=said):
            read_batch(tmp_path, number)


def test_a_link_in_the_place_of_the_unfinished_file_is_not_written_through(tmp_path: Path) -> None:
    secret, batches = tmp_path / "secret", Batches(tmp_path / "batches")
    secret.write_bytes(b"of control alone")
    batch_path(batches.folder, 1).with_suffix(".batch.part").symlink_to(secret)

    batches.append(no_records({}))

    assert secret.read_bytes() == b"of control alone"
    assert read_batch(batches.folder, 1) == no_records({})
