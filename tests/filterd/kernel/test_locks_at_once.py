"""Two changes of locks at once: neither brings the kernel back, and each counts what it has ended."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine

from filterd.control import lock_enforcer
from filterd.control.lock_enforcer import LockKeeper
from filterd.kernel.prefix_columns import Columns, networks_of
from parental.policy.profile import Profile
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import pause, put_subscriber
from parental.store.database import writing

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FIRST, SECOND = IPv4Network("192.0.2.7/32"), IPv4Network("192.0.2.8/32")


def put(engine: Engine, number: int, prefix: IPv4Network, schedule: Schedule) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(number, "home", (prefix,), Profile(schedule=schedule)))


def test_of_two_taps_at_once_each_ends_what_it_has_locked_and_a_cut_that_fails_is_for_the_next_look(
    engine: Engine,
) -> None:
    kernel, uncut = Mock(cut=Mock(return_value=3)), []
    keeper = LockKeeper(engine, kernel)
    for number, prefix in ((7, FIRST), (8, SECOND)):
        put(engine, number, prefix, Schedule())
        with writing(engine) as conn:
            pause(conn, number, None)
        uncut.append(keeper.lock(NOW))

    assert [keeper.cut(each) for each in uncut] == [3, 3]
    kernel.cut.side_effect = RuntimeError("no memory")
    with pytest.raises(RuntimeError, match="no memory"):
        keeper.cut(uncut[0])
    kernel.cut.side_effect = None
    assert keeper.refresh(NOW).n_cut == 3
    assert [set(networks_of(each.args[0])) for each in kernel.cut.call_args_list] == [
        {FIRST},
        {SECOND},
        {FIRST},
        {FIRST},
    ]


def test_who_has_waited_for_another_change_brings_no_time_before_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, 7, FIRST, Schedule((Interval(NOW.weekday(), 13 * 60, 60),), "UTC"))
    clock, is_cutting, may_go_on = Mock(now=Mock(return_value=NOW)), threading.Event(), threading.Event()

    def cut(_: Columns) -> int:
        is_cutting.set()
        assert may_go_on.wait(60)
        return 3

    kernel = Mock(cut=cut)
    keeper = LockKeeper(engine, kernel)
    monkeypatch.setattr(lock_enforcer, "datetime", clock)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(keeper.refresh, NOW + timedelta(hours=1))
        assert is_cutting.wait(60)
        second = threads.submit(keeper.lock)
        clock.now.return_value = NOW + timedelta(hours=1, seconds=1)
        may_go_on.set()
        assert first.result(60).n_cut == 3
        second.result(60)

    assert [set(networks_of(each.args[1])) for each in kernel.change_locked.call_args_list] == [set(), set()]
