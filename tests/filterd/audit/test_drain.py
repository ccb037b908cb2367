import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from support.block_store import rows
from support.spool import SLOT_OCTETS, block_event, put_segment

from fastpath.images.verdict import Action, Channel, Reason
from fastpath.report.columns import NOT_A_SUBSCRIBER
from fastpath.report.counters import Counters
from fastpath.report.spool import MAX_SEGMENTS, Reporter, segment_numbers
from filterd.audit import block_batches
from filterd.audit.block_drain import BlockDrain
from filterd.audit.drain import Ledger, drain_confidential, late_since_s, remove_drained
from filterd.audit.provinces import Provinces
from mgmt.registers.records.block_ledger import Position, iter_csam_counts
from parental.people import accounts, children
from parental.people.reports import totals_of
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing
from parental.store.schema.canaries import order_canaries
from parental.store.schema.orders import orders

TIME_S = 1_800_000_000
BATCH = 20  # records, where batches are small


def event(
    rule: str = "bad.test",
    reason: Any = Reason.ORDER,
    list_id: str = "pta",
    subscriber: int = 7,
    at_s: Any = TIME_S,
    action: Any = Action.SPLASH,
) -> Any:
    return block_event(rule, time_ns=at_s * 10**9, subscriber=subscriber, action=action, reason=reason, list_id=list_id)


def drain(spool: Path, ledger: Ledger) -> int:
    """One look of a control that has just started; into a store beside the spool."""
    begun = BlockDrain(spool, spool.parent / "store/batches", ledger, lambda: True)
    begun.begin()
    return begun.drain()


def drain_all(spool: Path, ledger: Ledger) -> None:
    while drain(spool, ledger):
        pass


def blocks(folder: Path) -> list[tuple[str, str, str, int]]:
    return [(row["rule"], row["list"], row["reason"], row["count"]) for row in rows(folder / "store")]


def counts(ledger: Ledger) -> Any:
    with reading(ledger.engine) as conn:
        return [(c.hour_s, c.node, c.list, c.channel, c.count) for c in iter_csam_counts(conn, 0, 2**40)]


def test_an_event_becomes_a_record(tmp_path: Path, ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/gate-0", 1, event())

    assert drain(tmp_path / "spool", ledger) == 1
    (row,) = rows(tmp_path / "store")
    assert row.pop("time").timestamp() == TIME_S
    assert len(row.pop("subscriber")) == 16
    assert row == {
        "channel": "sni",
        "action": "splash",
        "list": "pta",
        "rule": "bad.test",
        "order": 3,
        "category": "adult",
        "reason": "order",
        "generation": 12,
        "count": 1,
        "province": "unknown",
    }


def test_what_a_tap_only_saw_is_recorded_as_a_shadow_and_never_counted_as_a_stop(
    tmp_path: Path, ledger: Ledger
) -> None:
    shadows = [event(action=Action.SHADOW), event(reason=Reason.CSAM, action=Action.SHADOW)]
    put_segment(tmp_path / "spool/gate-0", 1, event(), *shadows)

    drain_all(tmp_path / "spool", ledger)
    found = [(row["action"], row["count"]) for row in rows(tmp_path / "store")]
    assert sorted(found) == [("shadow", 1), ("splash", 1)]
    assert counts(ledger) == []


def try_order(ledger: Ledger) -> None:
    """Have order 3 on trial at gw1."""
    about = {"issuer": "PTA", "ref": "1", "ground": "g", "scope": "exact", "is_emergency": False, "received_ms": 1}
    canary = {"order": 3, "gateway": "gw1", "revision": 1, "n_entries": 1, "begun_s": 1, "since_s": 1, "until_s": 9}
    with writing(ledger.engine) as conn:
        conn.execute(insert(orders).values(about | {"id": 3, "sha256": b"", "original": b""}))
        conn.execute(insert(order_canaries).values(canary))


def test_blocks_of_an_order_on_trial_are_counted_where_it_is_tried_a_line_once_a_second(
    tmp_path: Path, ledger: Ledger
) -> None:
    try_order(ledger)
    many = [event("a.test"), event("b.test"), event(subscriber=8), event(at_s=TIME_S + 1)]
    many += [event(reason=Reason.CSAM), event(subscriber=NOT_A_SUBSCRIBER), event(subscriber=NOT_A_SUBSCRIBER)]
    for name in ("gw1", "gw2"):
        put_segment(tmp_path / name / "gate-0", 1, *many)
        drain_all(tmp_path / name, ledger._replace(node=name, canary=name))

    with reading(ledger.engine) as conn:
        found = conn.execute(select(order_canaries.c.n_blocks, order_canaries.c.peak)).one()
    assert tuple(found) == (5, 5)


def test_what_the_verifiers_probe_meets_is_neither_a_record_nor_a_block_of_an_order_on_trial(
    tmp_path: Path, ledger: Ledger
) -> None:
    try_order(ledger)
    probed = [event(f"{n}.test", subscriber=900, at_s=TIME_S + n) for n in range(9)]
    put_segment(tmp_path / "spool/gate-0", 1, *probed, event(reason=Reason.CSAM, subscriber=900), event(), *probed)

    drain_all(tmp_path / "spool", ledger._replace(canary="gw1", probe=900))

    with reading(ledger.engine) as conn:
        found = conn.execute(select(order_canaries.c.n_blocks, order_canaries.c.peak)).one()
    assert (tuple(found), blocks(tmp_path)) == ((1, 1), [("bad.test", "pta", "order", 1)])
    assert [n for *_, n in counts(ledger)] == [1]


def test_a_rule_of_addresses_is_recorded_as_their_prefix(tmp_path: Path, ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, event("2.0.192.4.rpz-ip"), event("8.b.d.0.1.0.0.2.6.rpz-ip"))

    assert drain(tmp_path / "spool", ledger) == 2
    assert sorted(rule for rule, *_ in blocks(tmp_path)) == ["192.0.2.0/24", "2001:db8::/32"]


def test_draining_again_adds_nothing_and_goes_on_where_it_ended(tmp_path: Path, ledger: Ledger) -> None:
    folder = tmp_path / "spool/dns-0"
    put_segment(folder, 1, event("a.test"))
    drain(tmp_path / "spool", ledger)
    put_segment(folder, 1, event("a.test"), event("b.test"))

    assert drain(tmp_path / "spool", ledger) == 1
    assert drain(tmp_path / "spool", ledger) == 0
    assert [rule for rule, *_ in blocks(tmp_path)] == ["a.test", "b.test"]


def test_two_boxes_that_share_a_server_each_drain_all_of_their_workers_of_one_name(
    tmp_path: Path, ledger: Ledger
) -> None:
    if ledger.engine.dialect.name == "sqlite":
        pytest.skip("a file of SQLite is one box's")
    ledgers = {name: ledger._replace(node=name) for name in ("a", "b")}
    for number, name in enumerate(ledgers, 1):
        put_segment(tmp_path / name / "spool/dns-0", 1, *(event(f"{name}{n}.test") for n in range(3 * number)))
        (tmp_path / name / "counters").mkdir()
        set_confidential(tmp_path / name / "counters/dns-0", 1, Channel.DNS, 5 * number)

    for name in ("a", "b", "a", "b"):
        drain_all(tmp_path / name / "spool", ledgers[name])
        drain_confidential((tmp_path / name / "counters").glob("*"), ["pta", "stop"], TIME_S, ledgers[name])

    assert [len(blocks(tmp_path / name)) for name in ("a", "b")] == [3, 6]
    assert [(node, count) for _, node, _, _, count in counts(ledger)] == [("a", 5), ("b", 10)]


def octets_left(folder: Path) -> bytes:
    """What stands behind the header of every segment."""
    return b"".join(path.read_bytes()[SLOT_OCTETS:] for path in sorted(folder.glob("*.seg")))


def test_after_a_drain_no_octet_of_a_person_or_a_time_is_left_in_the_spool(tmp_path: Path, ledger: Ledger) -> None:
    folder = tmp_path / "spool/dns-0"
    put_segment(folder, 1, event("a.test"), event("a" * 60 + "." + "b" * 60 + ".test"), event("c.test", Reason.CSAM))
    put_segment(folder, 2, event("b.test"))

    drain_all(tmp_path / "spool", ledger)

    assert len(blocks(tmp_path)) == 3
    assert octets_left(folder).strip(b"\0") == b""


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_batches, "MOST_RECORDS", BATCH)


@pytest.mark.usefixtures("small_batches")
def test_what_is_not_drained_yet_stays_whole(tmp_path: Path, ledger: Ledger) -> None:
    folder = tmp_path / "spool/dns-0"
    put_segment(folder, 1, *(event(f"n{number}.test") for number in range(BATCH + 3)))

    assert drain(tmp_path / "spool", ledger) == BATCH
    left = octets_left(folder).lstrip(b"\0")
    assert left.count(b".test") + left.count(b"\4test") == 3
    assert drain(tmp_path / "spool", ledger) == 3


def test_what_was_stored_before_a_crash_is_overwritten_at_the_next_start(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "spool/dns-0"
    put_segment(folder, 1, event("a.test"))
    put_segment(folder, 2, event("b.test"))
    with monkeypatch.context() as killed:
        killed.setattr("filterd.audit.drain.wipe_segment", lambda *_: None)
        drain_all(tmp_path / "spool", ledger)
    put_segment(folder, 2, event("b.test"), event("later.test"))
    assert b"test" in octets_left(folder)

    BlockDrain(tmp_path / "spool", tmp_path / "store/batches", ledger, lambda: True).begin()

    assert octets_left(folder).strip(b"\0") == event("later.test").strip(b"\0")
    assert drain(tmp_path / "spool", ledger) == 1


@pytest.mark.parametrize("what", ["link", "pipe", "other file"])
def test_a_worker_cannot_lead_the_drain_to_another_file(tmp_path: Path, ledger: Ledger, what: str) -> None:
    folder, secret = tmp_path / "spool/dns-0", tmp_path / "key"
    folder.mkdir(parents=True)
    secret.write_bytes(b"FLTRDSP2" + (3).to_bytes(8, "little") + b"k" * 1000)
    place = folder / "000001.seg"
    match what:
        case "link":
            place.symlink_to(secret)
        case "pipe":
            os.mkfifo(place)
        case _:
            place.write_bytes(b"no segment at all")

    put_segment(tmp_path / "spool/gate-0", 1, event("other.test"))

    with pytest.raises((OSError, ValueError)):
        drain(tmp_path / "spool", ledger)

    assert [rule for rule, *_ in blocks(tmp_path)] == ["other.test"]
    assert secret.read_bytes().endswith(b"k" * 1000)


def test_what_a_worker_wrote_before_it_died_is_read_before_what_its_successor_wrote(
    tmp_path: Path, ledger: Ledger
) -> None:
    folder = tmp_path / "spool/dns-0"
    put_segment(folder, 1, event("a.test"))
    put_segment(folder, 2)  # the spare that it never used
    put_segment(folder, 3, event("b.test"))
    put_segment(folder, 4)

    drain_all(tmp_path / "spool", ledger)

    assert [rule for rule, *_ in blocks(tmp_path)] == ["a.test", "b.test"]


def test_a_drained_segment_is_removed_and_the_two_in_use_stay(tmp_path: Path, ledger: Ledger) -> None:
    folder = tmp_path / "spool/dns-0"
    for number in (1, 2, 3):
        put_segment(folder, number, event(f"{'abc'[number - 1]}.test"))
    put_segment(folder, 4)

    drain_all(tmp_path / "spool", ledger)

    assert sorted(path.name for path in folder.iterdir()) == ["000003.seg", "000004.seg"]


@pytest.mark.parametrize("n_read", [0, 1])
def test_segments_that_starts_without_a_block_have_left_are_removed_and_a_worker_has_room_again(
    tmp_path: Path, ledger: Ledger, n_read: int
) -> None:
    folder = tmp_path / "spool/dns-0-tcp"
    for number in range(1, MAX_SEGMENTS + 1):
        put_segment(folder, number, *[event()] * (n_read if number == 1 else 0))
    assert segment_numbers(str(folder)) == [*range(1, MAX_SEGMENTS + 1)]
    reporter = Reporter(tmp_path / "counters", folder)

    drain_all(tmp_path / "spool", ledger)
    reporter.tend()

    newest = [MAX_SEGMENTS - 1, MAX_SEGMENTS, MAX_SEGMENTS + 1]
    assert segment_numbers(str(folder)) == [*[1] * n_read, *newest]
    assert len(blocks(tmp_path)) == n_read


def test_among_empty_segments_one_with_a_record_stays_until_it_is_drained(tmp_path: Path, ledger: Ledger) -> None:
    folder = tmp_path / "spool/dns-0"
    for number in range(1, 9):
        put_segment(folder, number, *[event(f"n{number}.test")] * (number in (3, 5)))

    remove_drained(folder, Position("0", 0))
    assert segment_numbers(str(folder)) == [3, 5, 7, 8]
    drain_all(tmp_path / "spool", ledger)

    assert [rule for rule, *_ in blocks(tmp_path)] == ["n3.test", "n5.test"]
    assert segment_numbers(str(folder)) == [5, 7, 8]


def test_records_are_late_once_one_has_waited_for_ten_seconds_and_not_sooner(tmp_path: Path, ledger: Ledger) -> None:
    spool = tmp_path / "spool"
    assert late_since_s(spool, ledger.engine, ledger.node, 0.0) is None
    put_segment(spool / "dns-0", 1, event("a.test"), event("b.test"))
    put_segment(spool / "dns-1", 1)

    assert late_since_s(spool, ledger.engine, ledger.node, TIME_S + 9.9) is None
    assert late_since_s(spool, ledger.engine, ledger.node, TIME_S + 10.1) == TIME_S
    drain_all(spool, ledger)
    assert late_since_s(spool, ledger.engine, ledger.node, TIME_S + 10.1) is None


def test_a_spool_that_cannot_be_read_hides_no_late_one(tmp_path: Path, ledger: Ledger) -> None:
    spool = tmp_path / "spool"
    put_segment(spool / "dns-1", 1, event("a.test"))
    (spool / "dns-0").mkdir()
    (spool / "dns-0/000001.seg").write_bytes(bytes(4096))

    assert late_since_s(spool, ledger.engine, ledger.node, TIME_S + 10.1) == TIME_S
    with pytest.raises(ValueError, match="not a spool segment"):
        drain_all(spool, ledger)


@pytest.mark.usefixtures("small_batches")
def test_a_worker_with_an_hour_of_events_holds_up_no_other(tmp_path: Path, ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, *[event(f"n{number}.test") for number in range(BATCH + 1)])
    put_segment(tmp_path / "spool/dns-1", 1, event("b.test"))

    assert drain(tmp_path / "spool", ledger) == BATCH + 1
    assert len(blocks(tmp_path)) == BATCH + 1 and ("b.test", "pta", "order", 1) in blocks(tmp_path)
    assert drain(tmp_path / "spool", ledger) == 1


@pytest.mark.usefixtures("small_batches")
def test_many_equal_events_are_one_row_of_one_batch(tmp_path: Path, ledger: Ledger) -> None:
    events = [event("a.test"), event("b.test"), event(reason=Reason.CSAM)] * BATCH
    put_segment(tmp_path / "spool/dns-0", 1, *events)

    assert drain(tmp_path / "spool", ledger) == 3 * BATCH
    assert [(rule, n) for rule, _, _, n in blocks(tmp_path)] == [("a.test", BATCH), ("b.test", BATCH)]
    assert [count for *_, count in counts(ledger)] == [BATCH]


def test_the_zeros_of_a_power_cut_hold_up_nothing_and_are_said(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "spool/dns-0"
    put_segment(folder, 1, event("a.test"), bytes(3 * SLOT_OCTETS), event("b.test"))
    put_segment(folder, 2, bytes(SLOT_OCTETS))
    put_segment(folder, 3, event("c.test"))

    drain_all(tmp_path / "spool", ledger)

    assert [rule for rule, *_ in blocks(tmp_path)] == ["a.test", "b.test", "c.test"]
    assert "000001.seg: 3 slots hold no record; passed over" in caplog.text
    assert "000002.seg: 1 slots hold no record" in caplog.text


@pytest.mark.parametrize("reason", [Reason.CSAM, Reason.HELP])
def test_what_leaves_no_record_is_in_no_log_either(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture, reason: Reason
) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, event("a.test"), event("secret.test", reason))

    with caplog.at_level("DEBUG", "filterd.audit.drain"):
        drain_all(tmp_path / "spool", ledger)

    assert "decision sni a.test action=splash reason=order subscriber=7 list=pta gen=12/5" in caplog.text
    assert "secret" not in caplog.text


def test_a_long_rule_takes_more_slots_and_the_next_event_is_read_behind_it(tmp_path: Path, ledger: Ledger) -> None:
    long = ".".join(["x" * 60] * 4)
    put_segment(tmp_path / "spool/dns-0", 1, event(long), event("b.test"), event("c.test"))

    assert drain(tmp_path / "spool", ledger) == 3
    assert drain(tmp_path / "spool", ledger) == 0
    assert sorted(rule for rule, *_ in blocks(tmp_path)) == ["b.test", "c.test", long]


def test_a_lock_is_recorded_without_list_and_with_the_generation_of_the_policy(tmp_path: Path, ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, event("", Reason.PAUSE, ""))

    drain(tmp_path / "spool", ledger)

    (row,) = rows(tmp_path / "store")
    assert (row["list"], row["rule"], row["reason"], row["generation"]) == ("", "", "pause", 5)


def test_an_event_of_reason_csam_becomes_a_count_and_no_record(tmp_path: Path, ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, event(reason=Reason.CSAM, list_id="stop"))

    drain(tmp_path / "spool", ledger)

    assert blocks(tmp_path) == []
    assert counts(ledger) == [(TIME_S - TIME_S % 3600, "node-1", "stop", "sni", 1)]


def test_the_help_corridor_leaves_nothing(tmp_path: Path, ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, event(reason=Reason.HELP))

    assert drain(tmp_path / "spool", ledger) == 1
    assert blocks(tmp_path) == [] == counts(ledger)


def test_a_file_that_is_no_segment_is_told_and_loses_nothing(tmp_path: Path, ledger: Ledger) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, event())
    (tmp_path / "spool/dns-0/000002.seg").write_bytes(b"rubbish")

    with pytest.raises(ValueError, match="not a spool segment"):
        drain(tmp_path / "spool", ledger)
    (tmp_path / "spool/dns-0/000002.seg").unlink()
    drain(tmp_path / "spool", ledger)

    assert len(blocks(tmp_path)) == 1


def set_confidential(path: Path, number: int, channel: int, total: int) -> None:
    Counters(path)
    with path.open("r+b") as file:
        file.seek(8 * (128 + number * 8 + channel))
        file.write(total.to_bytes(8, "little"))


def test_a_confidential_counter_adds_what_it_has_risen_by(tmp_path: Path, ledger: Ledger) -> None:
    folder = tmp_path / "counters"
    folder.mkdir()
    for total in (3, 3, 5):
        set_confidential(folder / "dns-0", 1, Channel.DNS, total)
        drain_confidential(folder.glob("*"), ["pta", "stop"], TIME_S, ledger)

    assert counts(ledger) == [(TIME_S - TIME_S % 3600, "node-1", "stop", "dns", 5)]


def test_a_confidential_counter_that_began_anew_counts_from_zero(tmp_path: Path, ledger: Ledger) -> None:
    folder = tmp_path / "counters"
    folder.mkdir()
    for total in (5, 2):
        set_confidential(folder / "dns-0", 0, Channel.DNS, total)
        drain_confidential(folder.glob("*"), ["stop"], TIME_S, ledger)

    assert [count for *_, count in counts(ledger)] == [7]


def test_what_a_family_has_closed_to_a_child_is_counted_by_day_and_nothing_else(tmp_path: Path, ledger: Ledger) -> None:
    with writing(ledger.engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (parse_prefix("192.0.2.7"),)))
        child = children.add_child(conn, 7, {"nickname": "Ayesha"}, Profile()).profile
    of_family = (Reason.CATEGORY, Reason.SCHEDULE, Reason.HOUSEHOLD)
    of_others = (Reason.ORDER, Reason.CSAM, Reason.HELP, Reason.SECURITY)
    told = [event(reason=reason, subscriber=child) for reason in (*of_family, *of_others)]
    told += [event(reason=Reason.CATEGORY, subscriber=child, action=Action.SHADOW)]
    told += [event(reason=Reason.CATEGORY, subscriber=7), event(reason=Reason.CATEGORY, subscriber=0)]
    put_segment(tmp_path / "spool/gate-0", 1, *told)

    drain_all(tmp_path / "spool", ledger)

    with reading(ledger.engine) as conn:
        ((_, met),) = totals_of(conn, child, date.min).items()
        assert set(met.values()) == {1} and len(met) == 3 and {"schedule", "household"} <= set(met)
        assert totals_of(conn, 7, date.min) == {}


LIES: dict[str, dict[str, Any]] = {
    "a generation": {"names_generation": 2**64 - 1},
    "a zero in a list": {"list_id": "p\0ta"},
    "a zero in a URL": {"rule": b"http://a.test/\0", "is_url": 1},
    "a zero in the list of a CSAM block": {"reason": Reason.CSAM, "list_id": "p\0ta"},
}


@pytest.mark.parametrize("lie", LIES)
def test_what_a_worker_writes_that_no_database_takes_holds_up_no_record(
    tmp_path: Path, ledger: Ledger, lie: str
) -> None:
    put_segment(tmp_path / "spool/dns-0", 1, event(), block_event(**LIES[lie]), event("behind.test"))
    put_segment(tmp_path / "spool/gate-0", 1, event("other.test"))

    drain_all(tmp_path / "spool", ledger)

    assert sorted(rule for rule, *_ in blocks(tmp_path)) == ["bad.test", "behind.test", "other.test"]


def test_the_highest_numbers_and_any_octet_of_a_name_are_recorded(tmp_path: Path, ledger: Ledger) -> None:
    highest: dict[str, Any] = {"names_generation": 2**63 - 1, "order": 2**32 - 1, "time_ns": 2**63 - 1, "category": 255}
    put_segment(tmp_path / "spool/dns-0", 1, block_event(b"\x04\0\n\xff.\x04test\0", **highest))

    drain_all(tmp_path / "spool", ledger)

    assert [rule for rule, *_ in blocks(tmp_path)] == [r"\000\010\255\..test"]


def test_a_record_says_the_province_of_its_line_and_one_of_a_household_none(tmp_path: Path, ledger: Ledger) -> None:
    with writing(ledger.engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (parse_prefix("192.0.2.7"),)))
        accounts.set_province(conn, 7, "PK-PB")
    events = [event(), event("theirs.test", reason=Reason.PAUSE), event("other.test", subscriber=8)]
    put_segment(tmp_path / "spool/gate-0", 1, *events, event("none.test", subscriber=NOT_A_SUBSCRIBER))

    drain_all(tmp_path / "spool", ledger._replace(provinces=Provinces(ledger.engine)))

    found = {row["rule"]: row["province"] for row in rows(tmp_path / "store")}
    assert found.pop("bad.test") == "PK-PB"
    assert found == dict.fromkeys(("theirs.test", "other.test", "none.test"), "unknown")
