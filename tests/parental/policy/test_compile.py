import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Connection

from fastpath.images.image import Image, open_image
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Reason
from fastpath.wire.name import to_wire
from parental.policy import compile
from parental.policy import subscribers as store
from parental.policy.changed_profiles import ChangedProfiles
from parental.policy.profile import Profile, lock_reason
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store import revision
from parental.store.database import open_database, writing
from parental.store.engines import Where

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
SUBSCRIBERS, POLICY = 4, 5


@pytest.fixture
def conn(database: Where) -> Iterator[Connection]:
    engine = open_database(database)
    with writing(engine) as conn:
        yield conn
    engine.dispose()


def line(number: int, *prefixes: str, profile: Profile | None = None) -> Subscriber:
    return Subscriber(number, f"line {number}", tuple(map(parse_prefix, prefixes)), profile or Profile())


class Images:
    """The base of a moment, and the tables of it with a delta of now."""

    def __init__(self, conn: Connection, folder: Path) -> None:
        self.conn, self.folder = conn, folder
        self.base_revision = revision.current_revision(conn)
        self.subscribers = self._write("s1", SUBSCRIBERS, lambda out: compile.write_subscribers_base(conn, out, 1))
        self.policy = self._write("p1", POLICY, lambda out: compile.write_policy_base(conn, out, 1, NOON))

    def now(self) -> TableSet:
        changed = ChangedProfiles(self.base_revision)
        changed.add(self.conn, NOON)
        subscribers = self._write("s2", SUBSCRIBERS, lambda out: changed.write_subscribers(out, 2, 1))
        policy = self._write("p2", POLICY, lambda out: changed.write_policy(out, 2, 1))
        return TableSet(None, None, self.subscribers, subscribers, self.policy, policy)

    def _write(self, name: str, kind: int, write: Callable[[BinaryIO], int]) -> Image:
        out = io.BytesIO()
        assert write(out) == len(out.getvalue())
        (self.folder / name).write_bytes(out.getvalue())
        return open_image(self.folder / name, kind)


def test_a_pause_in_the_delta_locks_the_subscriber_of_the_base_and_nobody_else(
    conn: Connection, tmp_path: Path
) -> None:
    store.put_subscriber(conn, line(1, "192.0.2.1", "2001:db8:1::/48"))
    store.put_subscriber(conn, line(2, "192.0.2.2"))
    images = Images(conn, tmp_path)
    now_s = int(NOON.timestamp())
    assert images.now().decide(None, "192.0.2.1", now_s).reason == Reason.DEFAULT

    store.pause(conn, 1, None)

    tables = images.now()
    assert tables.decide(None, "192.0.2.1", now_s).reason == Reason.PAUSE
    assert tables.decide(None, "192.0.2.2", now_s).reason == Reason.DEFAULT
    assert tables.decide(None, "2001:db8:1::5", now_s).reason == Reason.PAUSE


def test_addresses_that_moved_are_found_with_their_new_holder(conn: Connection, tmp_path: Path) -> None:
    store.put_subscriber(conn, line(1, "192.0.2.0/25"))
    store.put_subscriber(conn, line(2, "192.0.2.200"))
    images = Images(conn, tmp_path)

    store.put_subscriber(conn, line(1, "192.0.2.64/26"))
    store.delete_subscriber(conn, 2)
    store.put_subscriber(conn, line(3, "192.0.2.128/25"))

    tables = images.now()
    assert tables.subscriber_of("192.0.2.65") == 1
    assert tables.subscriber_of("192.0.2.1") is None
    assert tables.subscriber_of("192.0.2.200") == 3
    assert tables.subscriber_of("192.0.2.129") == 3


def test_an_address_given_up_and_taken_back_is_still_held(conn: Connection, tmp_path: Path) -> None:
    store.put_subscriber(conn, line(1, "192.0.2.1"))
    images = Images(conn, tmp_path)

    store.put_subscriber(conn, line(1))
    store.put_subscriber(conn, line(1, "192.0.2.1"))

    assert images.now().subscriber_of("192.0.2.1") == 1


@pytest.mark.parametrize("zone", ["Asia/Karachi", "Europe/Berlin", "America/St_Johns"])
def test_the_image_is_closed_at_exactly_the_seconds_the_schedule_is(
    conn: Connection, tmp_path: Path, zone: str
) -> None:
    profile = Profile(schedule=Schedule((Interval(6, 1380, 300), Interval(6, 150, 45), Interval(3, 600, 1)), zone))
    store.put_subscriber(conn, line(1, "192.0.2.1", profile=profile))

    tables = Images(conn, tmp_path).now()

    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the night in which Berlin turns its clocks
    for start in (NOON, autumn):
        for step in range(0, 8 * 24 * 60, 11):
            at = start + timedelta(minutes=step, seconds=step % 60)
            assert tables.decide(None, "192.0.2.1", int(at.timestamp())).reason == lock_reason(profile, at), at


def test_categories_become_bits_and_equal_profiles_are_written_once(conn: Connection, tmp_path: Path) -> None:
    profile = Profile(frozenset({"adult", "gambling"}))
    for number in range(1, 20):
        store.put_subscriber(conn, line(number, f"192.0.2.{number}", profile=profile))

    assert compile.profile_spec(profile, NOON).categories == 1 << 1 | 1 << 3
    images = Images(conn, tmp_path)
    assert images.policy.section_octets()[2] == 64, "one cache line"


def test_safe_search_and_canaries_become_numbers_and_do_not_lock(conn: Connection, tmp_path: Path) -> None:
    profile = Profile(safe_search="strict", canaries=True)
    store.put_subscriber(conn, line(1, "192.0.2.1", profile=profile))

    spec = compile.profile_spec(profile, NOON)
    assert (spec.safe_search, spec.has_canaries) == (2, True)
    assert compile.profile_spec(Profile(safe_search="moderate"), NOON).safe_search == 1
    decided = Images(conn, tmp_path).now().decide(None, "192.0.2.1", int(NOON.timestamp()))
    assert decided.reason == Reason.DEFAULT


def test_a_name_that_an_image_has_no_room_for_is_left_out_and_all_else_of_its_home_is_there(
    conn: Connection, tmp_path: Path
) -> None:
    names = frozenset({"closed.example", ".".join(["a"] * 15 + ["long", "example"])})
    store.put_subscriber(conn, line(1, "192.0.2.1", profile=Profile(denied=names)))

    images = Images(conn, tmp_path)

    found = [images.now().decide(to_wire(name.encode()), "192.0.2.1", int(NOON.timestamp())).reason for name in names]
    assert sorted(found) == sorted([Reason.HOUSEHOLD, Reason.DEFAULT])
    assert compile.profile_spec(Profile(allowed=names), NOON).allowed == (b"\6closed\7example\0",)


def test_an_ipv6_only_home_and_a_home_without_addresses_compile(conn: Connection, tmp_path: Path) -> None:
    store.put_subscriber(conn, line(1))
    store.put_subscriber(conn, line(2, "2001:db8::1"))

    tables = Images(conn, tmp_path).now()

    assert tables.subscriber_of("2001:db8::1") == 2
    assert tables.subscriber_of(str(ip_network("192.0.2.0/24")[0])) is None
