"""Real-time priority of the UDP loop, for as long as it leaves a part of its core to all others.

    begin(), in the loop's thread → real-time → more than MOST of the core in a look → in turn for REST_S → real-time …

A query takes microseconds, and waits for milliseconds where the loop competes with others for its core: a thousand
busy connections, a compilation, another program.  A short slice (dns/base/thread_priority.py) helps as long as the
loop has a claim to the core; with a real-time priority, the lowest one, it runs as soon as it is woken.  Only this
thread has it, and the right to it is a limit of the process (RLIMIT_RTPRIO), no capability.
A loop that is flooded never sleeps, and at real-time it would leave to all others what the kernel keeps for them, a
twentieth: control requests and the watchdog would be late.  So it loses the priority then, and is as it was without.

Invariants: where real-time is refused, the loop is scheduled in turn with the others, and that is said once; others
wait for at most one look in REST_S, and are never left without the kernel's own part for them.
Source: sched(7); sched_setscheduler(2); Documentation/scheduler/sched-rt-group.rst.
Cost: two system calls in each look.
"""

import asyncio
import logging
import os
import threading
import time
from typing import Final

from dns.base.thread_priority import come_first

PRIORITY: Final = 1
MOST: Final = 0.75
LOOK_S: Final = 0.25
REST_S: Final = 10.0

log = logging.getLogger("dns.base.real_time")


class RealTime:
    """The priority of one thread.   is_on  whether it is real-time now"""

    def __init__(self) -> None:
        self.is_on = False
        self._thread = 0
        self._clock = 0
        self._refused: OSError | None = None
        self._before_ns: tuple[int, int] | None = None  # the wall clock, and the thread's own
        self._rest_ns = 0

    def begin(self) -> None:
        """Come first, in real time where that is allowed; from the thread itself."""
        come_first()
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._thread = threading.get_native_id()
        self._switch(is_on=True)

    async def watch(self) -> None:
        """Look again and again; returns where real-time was refused."""
        while self._refused is None:
            await asyncio.sleep(LOOK_S)
            if self._thread:
                self.look(time.monotonic_ns(), time.clock_gettime_ns(self._clock))
        log.info("dns: real-time priority is refused (%s); UDP takes turns with what shares its core", self._refused)

    def look(self, now_ns: int, spent_ns: int) -> None:
        """Take the priority where the thread has had more than MOST of a core since the last look; give it back later.

        spent_ns  of the thread's own clock"""
        before, self._before_ns = self._before_ns, (now_ns, spent_ns)
        if not self.is_on:
            if now_ns >= self._rest_ns:
                self._switch(is_on=True)
        elif before is not None and spent_ns - before[1] > MOST * (now_ns - before[0]):
            self._switch(is_on=False)
            self._rest_ns = now_ns + int(REST_S * 1e9)

    def _switch(self, is_on: bool) -> None:
        policy, priority = (os.SCHED_RR, PRIORITY) if is_on else (os.SCHED_OTHER, 0)
        try:
            os.sched_setscheduler(self._thread, policy, os.sched_param(priority))  # keeps niceness and slice
        except OSError as reason:
            self._refused = reason
            return
        self.is_on = is_on
