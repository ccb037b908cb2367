"""The units start, with their sandbox and their accounts, and what they start filters."""

import subprocess
from typing import Protocol

import pytest
from support.system.units import ROLE_UNITS

pytestmark = pytest.mark.kernel

ASK = ("dig", "+short", "+time=1", "+tries=1", "@127.0.0.1")
BLOCKED = (*ASK, "www.blocked.example")
SPLASH = "192.0.2.2"
AT_ONCE = ("dig", "+short", "+time=20", *BLOCKED[3:])  # one query, to which a busy machine may answer late
TAKEN = ("bash", "-c", "grep -q ' 00000000:0050 00000000:0000 0A ' /proc/net/tcp && echo yes")  # port 80 is listened at
SHARE = """
install -m 644 /opt/filterd/source/systemd/filterd.tmpfiles /usr/lib/tmpfiles.d/filterd.conf
systemd-tmpfiles --create filterd.conf
"""
QUICK = """
mkdir /etc/systemd/system/filterd.service.d
printf '[Service]\\nWatchdogSec=2\\n' > /etc/systemd/system/filterd.service.d/quick.conf
systemctl daemon-reload
"""

# Metrics under its own account: counters from shared memory, and control's status.
SCRAPE = """
import urllib.request
said = urllib.request.urlopen("http://127.0.0.1:9464/metrics").read().decode()
print("yes" if "filterd_control_up 1.0" in said and 'filterd_dns_blocked_total{worker="dns-0"} ' in said else said)
"""


class Box(Protocol):
    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]": ...

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

    for unit in ROLE_UNITS:
        box.until("active", "systemctl", "is-active", unit)
        assert box.says("systemctl", "show", "-P", "NRestarts", unit) == "0"
    box.until("yes", "/opt/filterd/bin/python", "-c", SCRAPE)


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

    assert box.says(*AT_ONCE) == SPLASH
    box.until("1", "systemctl", "show", "-P", "NRestarts", "filterd-control")
    box.until("active", "systemctl", "is-active", "filterd-control")


def test_the_state_of_the_all_in_one_unit_is_taken_over_by_the_roles(box: Box) -> None:
    box.says("systemctl", "start", "filterd")
    box.until(SPLASH, *BLOCKED)
    box.says("systemctl", "stop", "filterd")

    box.says("bash", "-c", SHARE)
    box.says("systemctl", "start", "filterd.target")

    box.until(SPLASH, *BLOCKED)


@pytest.mark.parametrize(("start", "worker"), [("filterd.target", "filterd-dns@0"), ("filterd.service", "filterd")])
def test_a_saved_fault_and_a_restart_are_no_outage(box: Box, start: str, worker: str) -> None:
    box.says("bash", "-c", SHARE if start == "filterd.target" else "true")
    box.says("systemctl", "start", start)
    box.until(SPLASH, *BLOCKED)

    box.says("bash", "-c", "sed -i s/upstreams/upsteams/ /etc/filterd/filterd.yaml")
    box.says("systemctl", "kill", "--signal=KILL", worker)
    box.until("1", "systemctl", "show", "-P", "NRestarts", worker)

    box.until(SPLASH, *BLOCKED)
    # of all in one, control may come after the resolver
    said = "/opt/filterd/bin/filterd status > /tmp/said; test $? = 1 && grep -q '/dns/upsteams: no such key' /tmp/said"
    box.until("yes", "bash", "-c", f"{said} && echo yes")


def test_a_start_of_the_target_takes_the_file_in_before_the_roles_start(box: Box) -> None:
    box.says("bash", "-c", SHARE)
    box.says("systemctl", "start", "filterd.target")
    box.until(SPLASH, *BLOCKED)

    box.says("bash", "-c", "sed -i 's/{address4: 192.0.2.2}/{address4: 192.0.2.3}/' /etc/filterd/filterd.yaml")
    box.says("systemctl", "restart", "filterd.target")

    box.until("192.0.2.3", *BLOCKED)
    box.until("active", "systemctl", "is-active", "filterd-control")
    assert "restart it" not in box.run("/opt/filterd/bin/filterd", "status").stdout


def test_a_second_control_role_is_refused_with_the_number_of_the_first(box: Box) -> None:
    box.says("bash", "-c", SHARE)
    box.says("systemctl", "start", "filterd.target")
    box.until("active", "systemctl", "is-active", "filterd-control")

    second = box.run("/opt/filterd/bin/filterd", "run", "--role", "control")

    assert second.returncode == 3
    first = box.says("systemctl", "show", "-P", "MainPID", "filterd-control")
    assert f"its role control runs there already, process {first};" in second.stderr
    box.until(SPLASH, *BLOCKED)


def test_a_taken_port_of_the_pages_keeps_nobody_from_filtering(box: Box) -> None:
    hold = "import socket, time; s = socket.create_server(('0.0.0.0', 80)); time.sleep(600)"
    box.says("systemd-run", "--unit=taken", "/opt/filterd/bin/python", "-c", hold)
    box.until("yes", *TAKEN)

    box.says("systemctl", "start", "filterd")

    box.until(SPLASH, *BLOCKED)
    box.until("active", "systemctl", "is-active", "filterd")
    box.until(
        "yes", "bash", "-c", "/opt/filterd/bin/filterd status | grep -q 'role splash-0: does not work' && echo yes"
    )
    assert box.says("systemctl", "show", "-P", "NRestarts", "filterd") == "0"


def test_the_shipped_starter_runs_as_it_is(box: Box) -> None:
    box.says("cp", "/opt/filterd/source/docs/filterd.starter.yaml", "/etc/filterd/filterd.yaml")
    box.says("bash", "-c", "echo blocked.example > /etc/filterd/lists/orders.txt")
    box.says("/opt/filterd/bin/filterd", "check-config", "--strict", "/etc/filterd/filterd.yaml")

    box.says("systemctl", "start", "filterd")

    box.until(SPLASH, *BLOCKED)
    box.until("0", "bash", "-c", "/opt/filterd/bin/filterd status > /tmp/said; echo $?")


def test_pages_that_cannot_start_say_why_in_the_status_of_their_unit(box: Box) -> None:
    hold = "import socket, time; s = socket.create_server(('0.0.0.0', 80)); time.sleep(600)"
    box.says("systemd-run", "--unit=taken", "/opt/filterd/bin/python", "-c", hold)
    box.until("yes", *TAKEN)
    box.says("bash", "-c", SHARE)

    box.says("systemctl", "start", "filterd.target")

    box.until(SPLASH, *BLOCKED)
    said = "systemctl show -P StatusText filterd-splash | grep -q '^splash listen 0.0.0.0:80: not bound' && echo yes"
    box.until("yes", "bash", "-c", said)
    assert "Traceback" not in box.says("journalctl", "-u", "filterd-splash", "-o", "cat")
    box.says("systemctl", "stop", "taken")
    box.until("active", "systemctl", "is-active", "filterd-splash")
