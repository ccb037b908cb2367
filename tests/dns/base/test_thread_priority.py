import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dns.base.thread_priority import (
    BEHIND_NICENESS,
    BEHIND_SLICE_NS,
    LOOP_SLICE_NS,
    SCHED_ATTR,
    come_first,
    give_way,
)


def test_only_the_thread_that_gives_way_runs_behind_the_others() -> None:
    def niceness() -> Any:
        return os.getpriority(os.PRIO_PROCESS, 0)

    before = niceness()
    with ThreadPoolExecutor(1, initializer=give_way) as behind:
        assert behind.submit(niceness).result() == max(BEHIND_NICENESS, before)
    assert niceness() == before


@pytest.mark.parametrize(("asks", "wanted_ns"), [(give_way, BEHIND_SLICE_NS), (come_first, LOOP_SLICE_NS)])
def test_a_thread_asks_the_kernel_for_short_slices(asks: Callable[[], None], wanted_ns: int) -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "sched_getattr") or not slices_are_told():
        pytest.skip("this glibc, or this kernel, knows no slices of a thread's own")

    def slice_ns() -> Any:
        found = ctypes.create_string_buffer(SCHED_ATTR.size)
        assert libc.sched_getattr(0, found, len(found), 0) == 0
        return SCHED_ATTR.unpack(found.raw)[5]

    before = slice_ns()
    with ThreadPoolExecutor(1, initializer=asks) as asking:
        assert asking.submit(slice_ns).result() == wanted_ns
    assert slice_ns() == before != wanted_ns


def test_a_loop_keeps_its_niceness() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)

    with ThreadPoolExecutor(1, initializer=come_first) as loop:
        assert loop.submit(niceness).result() == niceness()


def slices_are_told() -> bool:
    return tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 12)
