from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from sqlalchemy import Connection, Engine, select

from parental.policy import subscribers as store
from parental.policy.addresses import released_since
from parental.policy.profile import UNTIL_RESUMED, Profile
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing
from parental.store.errors import BadProfile, BadSubscriber, NoSubscriber
from parental.store.schema.lines import addresses, blocked_categories, closed_intervals, dns_wishes, lines, profiles
from parental.store.schema.people import accounts

CHILD = Subscriber(
    7,
    "Ayesha",
    (ip_network("192.0.2.7"), ip_network("2001:db8:7::/48")),
    Profile(
        frozenset({"adult", "gambling"}),
        Schedule((Interval(0, 1290, 540), Interval(4, 780, 60)), "Asia/Karachi"),
        0,
        "strict",
        canaries=True,
    ),
)


def line(number: int, *prefixes: str) -> Subscriber:
    return Subscriber(number, f"line {number}", tuple(map(parse_prefix, prefixes)))


def test_a_subscriber_comes_back_as_it_was_put(engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, CHILD)

    with reading(engine) as conn:
        assert store.get_subscriber(conn, 7) == CHILD
        assert list(store.iter_subscribers(conn)) == [CHILD]


def test_putting_again_replaces_everything(engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, CHILD)
        store.put_subscriber(conn, line(7, "192.0.2.8"))

    with reading(engine) as conn:
        assert store.get_subscriber(conn, 7) == line(7, "192.0.2.8")


@pytest.mark.parametrize("taken", ["192.0.2.0/24", "192.0.2.7", "2001:db8:7:1::/64", "2001:db8::/32"])
def test_an_address_of_another_line_is_refused_and_names_the_holder(engine: Engine, taken: str) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, CHILD)

    with (
        pytest.raises(BadSubscriber, match="of subscriber 7; not accepted; release it there first"),
        writing(engine) as conn,
    ):
        store.put_subscriber(conn, line(8, "198.51.100.1", taken))

    with reading(engine) as conn:
        assert [found.id for found in store.iter_subscribers(conn)] == [7]


@pytest.mark.parametrize("free", ["192.0.2.6", "192.0.2.8", "2001:db8:6::/48", "2001:db8:8::/48"])
def test_the_neighbouring_address_is_free(engine: Engine, free: str) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, CHILD)
        store.put_subscriber(conn, line(8, free))


def test_pause_and_resume_are_instants_and_leave_the_rest(engine: Engine) -> None:
    until = datetime(2026, 8, 3, 21, 0, 0, 1, tzinfo=UTC)
    with writing(engine) as conn:
        store.put_subscriber(conn, CHILD)
        store.pause(conn, 7, until)

    with writing(engine) as conn:
        assert store.get_subscriber(conn, 7).profile.paused_until_s == int(until.timestamp()) + 1
        store.pause(conn, 7, None)
        assert store.get_subscriber(conn, 7).profile.paused_until_s == UNTIL_RESUMED
        store.resume(conn, 7)
        assert store.get_subscriber(conn, 7) == CHILD


def test_a_pause_without_a_zone_is_refused(engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, CHILD)
        with pytest.raises(BadProfile):
            store.pause(conn, 7, datetime(2026, 8, 3))  # noqa: DTZ001


def test_a_schedule_replaces_the_one_before(engine: Engine) -> None:
    wanted = Schedule((Interval(2, 0, 1440),), "UTC")
    with writing(engine) as conn:
        store.put_subscriber(conn, CHILD)
        store.set_schedule(conn, 7, wanted)

        assert store.get_subscriber(conn, 7).profile.schedule == wanted


@pytest.mark.parametrize(
    "change",
    [
        lambda conn: store.resume(conn, 9),
        lambda conn: store.pause(conn, 9, None),
        lambda conn: store.set_schedule(conn, 9, Schedule()),
        lambda conn: store.delete_subscriber(conn, 9),
        lambda conn: store.get_subscriber(conn, 9),
    ],
)
def test_nobody_is_told_apart_from_somebody(engine: Engine, change: Callable[[Connection], object]) -> None:
    with pytest.raises(NoSubscriber, match="subscriber 9: does not exist"), writing(engine) as conn:
        change(conn)


def test_a_deleted_subscriber_leaves_no_row(engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, CHILD)
        store.delete_subscriber(conn, 7)

        for table in (accounts, lines, profiles, addresses, blocked_categories, dns_wishes):
            assert conn.execute(select(table)).all() == []
        assert conn.execute(select(closed_intervals)).all() == []
        assert set(released_since(conn, 0)) == set(CHILD.prefixes)


def test_more_subscribers_than_a_batch_come_once_each_and_in_order(engine: Engine) -> None:
    with writing(engine) as conn:
        for number in range(1, 702):
            store.put_subscriber(conn, line(number, f"198.51.{100 + number // 256}.{number % 256}"))

        assert [found.id for found in store.iter_subscribers(conn)] == list(range(1, 702))
        assert [found.id for found in store.iter_subscribers(conn, after=699)] == [700, 701]
