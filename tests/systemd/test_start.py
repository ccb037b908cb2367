"""The units start, with their sandbox and their accounts, and what they start filters."""

from typing import Protocol

import pytest

pytestmark = pytest.mark.kernel

ASK = ("dig", "+short", "+time=1", "+tries=1", "@127.0.0.1")
BLOCKED = (*ASK, "www.blocked.example")
SPLASH = "192.0.2.2"
SHARE = """
install -m 644 /opt/filterd/source/systemd/filterd.tmpfiles /usr/lib/tmpfiles.d/filterd.conf
systemd-tmpfiles --create filterd.conf
"""
QUICK = """
mkdir /etc/systemd/system/filterd.service.d
printf '[Service]\\nWatchdogSec=2\\n' > /etc/systemd/system/filterd.service.d/quick.conf
systemctl daemon-reload
"""


class Box(Protocol):
    def says(self, *argv: str) -> str: ...

    def until(self, wanted: str, *argv: str) -> None: ...


def test_the_all_in_one_unit_starts_filters_and_reloads(box: Box) -> None:
    box.says("systemctl", "start", "filterd")

    box.until(SPLASH, *BLOCKED)

    box.says("bash", "-c", "echo later.example >> /etc/filterd/lists/today.txt")
    box.says("systemctl", "reload", "filterd")
    box.until(SPLASH, *ASK, "later.example")
    assert box.says("systemctl", "show", "-P", "NRestarts", "filterd") == "0"


def test_readers_of_lists_are_confined_under_the_unit_as_well(box: Box) -> None:
    box.says("systemctl", "start", "filterd")
    box.until(SPLASH, *BLOCKED)
    box.until("compiling", "bash", "-c", "journalctl -u filterd | grep -m1 -o compiling")

    box.says("bash", "-c", "sleep 5; ! journalctl -u filterd | grep 'lists are read without'")


def test_the_supervisor_tells_systemd_that_it_lives(box: Box) -> None:
    box.says("bash", "-c", QUICK)
    box.says("systemctl", "start", "filterd")
    heard = "systemctl show -P WatchdogTimestampMonotonic filterd"

    first = box.says("bash", "-c", heard)

    box.until("yes", "bash", "-c", f"test $({heard}) -gt {first} && echo yes")
    assert box.says("systemctl", "show", "-P", "NRestarts", "filterd") == "0"


def test_every_role_starts_as_its_own_account_and_they_work_together(box: Box) -> None:
    box.says("bash", "-c", SHARE)
    box.says("systemctl", "start", "filterd.target")

    box.until(SPLASH, *BLOCKED)

    for unit in ("filterd-dns@0", "filterd-gate@0", "filterd-control", "filterd-web"):
        box.until("active", "systemctl", "is-active", unit)
        assert box.says("systemctl", "show", "-P", "NRestarts", unit) == "0"


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        ("filterd.target", "filterd-gate@0"),
        ("filterd.service", "filterd"),
    ],
)
def test_a_gate_may_read_what_its_full_queue_has_dropped(box: Box, start: str, unit: str) -> None:
    box.says("bash", "-c", "echo 'gate: {when_overloaded: closed}' >> /etc/filterd/filterd.yaml")
    box.says("bash", "-c", SHARE if start == "filterd.target" else "true")
    box.says("systemctl", "start", start)
    box.until("active", "systemctl", "is-active", unit)

    box.until(SPLASH, *BLOCKED)
    assert "drops of a full queue are not counted" not in box.says("journalctl", "-u", "filterd*", "-o", "cat")


@pytest.mark.parametrize("unit", ["filterd-gate@0", "filterd-dns@0"])
def test_a_worker_that_stands_still_is_started_again(box: Box, unit: str) -> None:
    box.says("bash", "-c", SHARE)
    box.says("systemctl", "start", "filterd.target")
    box.until(SPLASH, *BLOCKED)
    box.until("active", "systemctl", "is-active", unit)

    box.says("systemctl", "kill", "--signal=STOP", "--kill-whom=main", unit)

    box.until("1", "systemctl", "show", "-P", "NRestarts", unit)
    box.until("active", "systemctl", "is-active", unit)
    box.until(SPLASH, *BLOCKED)


def test_filtering_goes_on_without_the_control_role_and_it_comes_back(box: Box) -> None:
    box.says("bash", "-c", SHARE)
    box.says("systemctl", "start", "filterd.target")
    box.until(SPLASH, *BLOCKED)

    box.says("systemctl", "kill", "--signal=KILL", "filterd-control")

    assert box.says(*BLOCKED) == SPLASH
    box.until("1", "systemctl", "show", "-P", "NRestarts", "filterd-control")
    box.until("active", "systemctl", "is-active", "filterd-control")


def test_the_state_of_the_all_in_one_unit_is_taken_over_by_the_roles(box: Box) -> None:
    box.says("systemctl", "start", "filterd")
    box.until(SPLASH, *BLOCKED)
    box.says("systemctl", "stop", "filterd")

    box.says("bash", "-c", SHARE)
    box.says("systemctl", "start", "filterd.target")

    box.until(SPLASH, *BLOCKED)
