"""The UDP loop is real-time where its unit gives the right to it; elsewhere it says so once, and serves.

The unit gives it as a limit.  Where root itself may not raise limits, as in many containers, the worker gets a
capability in its place: what is shown then is that nothing else of the unit is in the way.
"""

import subprocess
from typing import Protocol

import pytest

pytestmark = pytest.mark.kernel

BLOCKED = ("dig", "+short", "+time=5", "+tries=3", "@127.0.0.1", "www.blocked.example")
SPLASH = "192.0.2.2"
REFUSED = "dns: real-time priority is refused"
SHARE = """
install -m 644 /opt/filterd/source/systemd/filterd.tmpfiles /usr/lib/tmpfiles.d/filterd.conf
systemd-tmpfiles --create filterd.conf
"""
DIFFERENT = """
mkdir /etc/systemd/system/filterd-dns@.service.d
printf '[Service]\\n%s\\n' "$@" > /etc/systemd/system/filterd-dns@.service.d/different.conf
systemctl daemon-reload
"""
CAPABLE = ("CapabilityBoundingSet=CAP_SYS_NICE", "AmbientCapabilities=CAP_SYS_NICE")
# Of the threads in a unit's control group that are real-time: policy and priority.
REAL_TIME = """
import os, sys
from pathlib import Path
threads = Path("/sys/fs/cgroup", sys.argv[1].lstrip("/"), "cgroup.threads").read_text().split()
names = {os.SCHED_FIFO: "FIFO", os.SCHED_RR: "RR"}
found = [(os.sched_getscheduler(int(each)), os.sched_getparam(int(each)).sched_priority) for each in threads]
print(*(f"{names[policy]} {priority}" for policy, priority in found if policy in names), sep=", ")
"""


class Box(Protocol):
    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]": ...

    def says(self, *argv: str) -> str: ...

    def until(self, wanted: str, *argv: str) -> None: ...


def real_time_of(box: Box, unit: str) -> tuple[str, ...]:
    """The command that prints which of a unit's threads are real-time."""
    group = box.says("systemctl", "show", "-P", "ControlGroup", unit)
    return ("/opt/filterd/bin/python", "-c", REAL_TIME, group)


def n_refused(unit: str) -> tuple[str, ...]:
    """The command that prints how often the unit's process that runs has said that it may not."""
    run = f"$(systemctl show -P InvocationID {unit})"
    return ("bash", "-c", f"journalctl -o cat _SYSTEMD_INVOCATION_ID={run} | grep -c '{REFUSED}' || true")


def test_one_thread_of_a_dns_worker_is_real_time_under_its_unit_and_of_no_other_role_any(box: Box) -> None:
    box.says("bash", "-c", SHARE)
    if box.run("prlimit", "--rtprio=1", "true").returncode != 0:
        box.says("bash", "-c", DIFFERENT, "different", *CAPABLE)
    assert box.says("systemctl", "show", "-P", "LimitRTPRIO", "filterd-dns@0") == "1"
    box.says("systemctl", "start", "filterd.target")
    box.until(SPLASH, *BLOCKED)

    box.until("RR 1", *real_time_of(box, "filterd-dns@0"))
    for unit in ("filterd-gate@0", "filterd-control", "filterd-web", "filterd-splash"):
        box.until("active", "systemctl", "is-active", unit)
        box.until("", *real_time_of(box, unit))
    box.until("0", *n_refused("filterd-dns@0"))


def test_without_the_limit_a_dns_worker_takes_turns_serves_and_says_so_once(box: Box) -> None:
    box.says("bash", "-c", SHARE)
    box.says("bash", "-c", DIFFERENT, "different", "LimitRTPRIO=0")

    box.says("systemctl", "start", "filterd.target")

    box.until(SPLASH, *BLOCKED)
    box.until("1", *n_refused("filterd-dns@0"))
    assert box.says(*real_time_of(box, "filterd-dns@0")) == ""
    assert box.says(*BLOCKED) == SPLASH
    box.says("bash", "-c", "sleep 2")
    assert box.says(*n_refused("filterd-dns@0")) == "1"


def test_under_the_unit_of_all_roles_nothing_is_real_time_and_the_log_says_so_once(box: Box) -> None:
    box.says("systemctl", "start", "filterd")
    box.until(SPLASH, *BLOCKED)

    box.until("1", *n_refused("filterd"))
    assert box.says(*real_time_of(box, "filterd")) == ""
