from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from parental.locks import locks_at
from parental.profile import UNTIL_RESUMED, Profile
from parental.schedule import Interval, Schedule
from parental.subscriber import Subscriber

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def line(number: int, profile: Profile) -> Subscriber:
    return Subscriber(
        number, f"line {number}", (ip_network(f"192.0.2.{number}"), ip_network(f"2001:db8:{number}::/48")), profile
    )


def test_a_paused_line_is_locked_in_both_families_and_its_neighbour_is_not():
    locks = locks_at([line(1, Profile(paused_until_s=UNTIL_RESUMED)), line(2, Profile())], NOON)

    assert locks.v4 == {ip_network("192.0.2.1")}
    assert locks.v6 == {ip_network("2001:db8:1::/48")}
    assert locks.subscribers == {1}
    assert locks.next_change is None


def test_the_next_change_is_the_earliest_of_all_lines():
    evening = Profile(schedule=Schedule((Interval(0, 20 * 60, 60),), "UTC"))
    paused = Profile(paused_until_s=int((NOON + timedelta(hours=1)).timestamp()))

    assert locks_at([line(1, evening), line(2, paused)], NOON).next_change == NOON + timedelta(hours=1)
    assert locks_at([line(1, evening), line(2, paused)], NOON + timedelta(hours=1)).next_change == NOON + timedelta(
        hours=8
    )


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 300)), max_size=3),
    st.integers(-60, 600),
    st.integers(0, 10080),
)
def test_nothing_changes_before_the_next_change_and_something_does_at_it(triples, paused_minutes, start):
    at = NOON + start * MINUTE
    paused_until = int((at + paused_minutes * MINUTE).timestamp())
    lines = [
        line(1, Profile(schedule=Schedule(tuple(Interval(*t) for t in triples), "UTC"), paused_until_s=paused_until))
    ]

    now = locks_at(lines, at)

    for minutes in range(1, 1500, 7):
        later = at + minutes * MINUTE
        if now.next_change is None or later < now.next_change:
            assert locks_at(lines, later).v4 == now.v4
    if now.next_change is not None:
        assert locks_at(lines, now.next_change).v4 != now.v4
        assert locks_at(lines, now.next_change - timedelta(seconds=1)).v4 == now.v4
