import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.dns.front import Serving

from dns.base.real_time import LOOK_S, MOST, PRIORITY, REST_S, RealTime

SECOND_NS = 1_000_000_000
LOOK_NS, REST_NS = int(LOOK_S * SECOND_NS), int(REST_S * SECOND_NS)


@pytest.fixture
def switched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Policies that were asked for, of a kernel that refuses none."""
    policies = list[int]()
    monkeypatch.setattr(os, "sched_setscheduler", lambda _thread, policy, _param: policies.append(policy))
    return policies


def begun() -> RealTime:
    """One that has begun, in a thread that ends at once."""
    priority = RealTime()
    with ThreadPoolExecutor(1) as loop:
        loop.submit(priority.begin).result()
    return priority


def looked(priority: RealTime, spent_ns: int) -> bool:
    """Whether it is real-time behind two looks, with that much of a core in between."""
    priority.look(SECOND_NS, 0)
    priority.look(SECOND_NS + LOOK_NS, spent_ns)
    return priority.is_on


def test_a_loop_that_leaves_a_part_of_its_core_stays_real_time(switched: list[int]) -> None:
    priority = begun()

    assert looked(priority, int(MOST * LOOK_NS))
    assert switched == [os.SCHED_RR]


def test_a_loop_that_takes_more_is_in_turn_for_a_while_and_then_real_time_again(switched: list[int]) -> None:
    priority = begun()

    assert not looked(priority, int(MOST * LOOK_NS) + 1)
    lost_at = SECOND_NS + LOOK_NS
    priority.look(lost_at + REST_NS - 1, LOOK_NS)
    assert not priority.is_on
    priority.look(lost_at + REST_NS, LOOK_NS)
    assert priority.is_on
    assert switched == [os.SCHED_RR, os.SCHED_OTHER, os.SCHED_RR]


def test_a_loop_that_takes_more_again_after_its_rest_loses_it_at_the_next_look(switched: list[int]) -> None:
    priority = begun()
    looked(priority, LOOK_NS)
    again = SECOND_NS + LOOK_NS + REST_NS
    priority.look(again, 2 * LOOK_NS)

    priority.look(again + LOOK_NS, 3 * LOOK_NS)

    assert not priority.is_on
    assert switched[-1] == os.SCHED_OTHER


async def test_where_real_time_is_refused_the_loop_is_in_turn_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    priority = begun()

    with caplog.at_level(logging.INFO, "dns.base.real_time"):
        await priority.watch()

    assert not priority.is_on
    assert [record.message for record in caplog.records] == [
        "dns: real-time priority is refused ([Errno 1] Operation not permitted); "
        "UDP takes turns with what shares its core"
    ]


def test_only_the_thread_that_begins_is_real_time_and_its_niceness_stays() -> None:
    priority = RealTime()

    def seen() -> tuple[int, int, int]:
        return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority, os.getpriority(os.PRIO_PROCESS, 0)

    before = seen()
    with ThreadPoolExecutor(1, initializer=priority.begin) as loop:
        if not priority_is_given(loop, priority):
            pytest.skip("real-time is refused here")
        assert loop.submit(seen).result() == (os.SCHED_RR, PRIORITY, before[2])
        assert seen() == before

        loop.submit(looked, priority, LOOK_NS).result()
        assert loop.submit(seen).result() == before


def priority_is_given(loop: ThreadPoolExecutor, priority: RealTime) -> bool:
    return loop.submit(lambda: priority.is_on).result()


@pytest.mark.services
async def test_of_the_threads_of_a_front_the_udp_loop_alone_is_real_time(serving: Serving) -> None:
    def policies() -> list[int]:
        return [os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir()]

    async with serving():
        if os.SCHED_RR not in policies():
            pytest.skip("real-time is refused here")
        assert policies().count(os.SCHED_RR) == 1
    assert os.SCHED_RR not in policies()
