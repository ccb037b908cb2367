"""What is left of filterd when it is stopped, and what happens while it is started again."""

from typing import Protocol

import pytest

pytestmark = pytest.mark.kernel

ASK = ("dig", "+short", "+time=1", "+tries=1", "@127.0.0.1")
BLOCKED = (*ASK, "www.blocked.example")
SPLASH = "192.0.2.2"
UNITS = ("filterd-dns@0", "filterd-gate@0", "filterd-control", "filterd-web")
SHARE = """
install -m 644 /opt/filterd/source/systemd/filterd.tmpfiles /usr/lib/tmpfiles.d/filterd.conf
systemd-tmpfiles --create filterd.conf
"""
RULES = ("nft", "list", "ruleset")
# Images of a layout that no program reads, as after an upgrade or a downgrade: the version stands behind the magic.
OTHER_LAYOUT = """
from pathlib import Path
for path in Path("/var/lib/filterd/images").glob("*.img"):
    with path.open("r+b") as file:
        file.seek(8)
        file.write(bytes([254, 0, 0, 0]))
"""
# Asks without a pause until it is told to stop; writes each answer that is not the one of the list.
WATCH = """
touch /tmp/watching
while [ -e /tmp/watching ]; do
    dig +time=1 +tries=1 @127.0.0.1 www.blocked.example | grep -E 'status: NOERROR' -A 20 | grep -E '^www' | grep -v 192.0.2.2
done >> /tmp/passed
"""


class Box(Protocol):
    def says(self, *argv: str) -> str: ...

    def until(self, wanted: str, *argv: str) -> None: ...


def start(box: Box, unit: str, said: str = "") -> None:
    """Start a unit with lines added to the configuration, and wait until it filters."""
    box.says("bash", "-c", f"printf '%s\\n' '{said}' >> /etc/filterd/filterd.yaml")
    box.says("bash", "-c", SHARE if unit == "filterd.target" else "true")
    box.says("systemctl", "start", unit)
    box.until(SPLASH, *BLOCKED)
    for each in UNITS if unit == "filterd.target" else (unit,):
        box.until("active", "systemctl", "is-active", each)


def stop(box: Box, unit: str) -> None:
    """Stop a unit; a target's job ends before those of its parts."""
    box.says("systemctl", "stop", unit)
    box.until("inactive", "systemctl", "is-active", "filterd-rules")


@pytest.mark.parametrize("unit", ["filterd.target", "filterd.service"])
def test_a_box_that_is_stopped_has_the_kernel_rules_that_it_had_before(box: Box, unit: str) -> None:
    box.says("nft", "add table ip another { chain own { type filter hook input priority 0; } ; }")
    before = box.says(*RULES)
    start(box, unit)
    assert "table inet filterd" in box.says(*RULES)

    stop(box, unit)

    assert box.says(*RULES) == before


@pytest.mark.parametrize("unit", ["filterd.target", "filterd.service"])
def test_a_box_that_is_closed_when_stopped_keeps_its_gate_and_nothing_else(box: Box, unit: str) -> None:
    start(box, unit, "gate: {when_dead: closed}")
    running = box.says(*RULES)
    assert "chain dns " in running and "set untracked" in running

    stop(box, unit)

    left = box.says(*RULES)
    assert not any(gone in left for gone in ("chain dns ", "untracked_queries", "set untracked", "redirect"))
    assert "chain queueing " in left and "queue" in left and "bypass" not in left
    box.says("systemctl", "start", unit)
    box.until(SPLASH, *BLOCKED)
    assert "chain dns " in box.says(*RULES)


def test_a_control_role_that_dies_takes_no_rules_with_it(box: Box) -> None:
    start(box, "filterd.target")

    box.says("systemctl", "kill", "--signal=KILL", "filterd-control")

    assert "chain dns " in box.says(*RULES)
    box.until("1", "systemctl", "show", "-P", "NRestarts", "filterd-control")
    box.until("active", "systemctl", "is-active", "filterd-control")
    assert "chain dns " in box.says(*RULES)


def test_every_role_that_is_killed_comes_back_and_the_redirection_stays_meanwhile(box: Box) -> None:
    start(box, "filterd.target")

    for unit in UNITS:
        box.says("systemctl", "kill", "--signal=KILL", unit)
        assert "chain dns " in box.says(*RULES)
        box.until("1", "systemctl", "show", "-P", "NRestarts", unit)
        box.until("active", "systemctl", "is-active", unit)
    box.until(SPLASH, *BLOCKED)
    starts = "/opt/filterd/bin/filterd status --json | grep -o '\"starts\": *[0-9]*' | tr -dc '0-9\\n'"
    box.until("2\n2", "bash", "-c", starts)


def test_the_units_refuse_to_run_beside_the_unit_of_all_roles(box: Box) -> None:
    start(box, "filterd.service")

    box.says("bash", "-c", SHARE)
    box.says("systemctl", "start", "filterd.target")

    box.until("inactive", "systemctl", "is-active", "filterd")
    box.until(SPLASH, *BLOCKED)


def test_an_upgrade_of_the_image_layout_lets_nothing_pass(box: Box) -> None:
    start(box, "filterd.target", "when_no_images: closed")
    box.says("bash", "-c", f"({WATCH}) > /dev/null 2>&1 & disown")

    box.says("/opt/filterd/bin/python", "-c", OTHER_LAYOUT)
    box.says("systemctl", "restart", "filterd-dns@0")  # as a crash would, before the new build has compiled anything
    assert "SERVFAIL" in box.says("dig", "+time=1", "+tries=1", "@127.0.0.1", "www.blocked.example")
    box.says("systemctl", "restart", "filterd-control")
    assert box.says(*BLOCKED) == SPLASH
    box.says("systemctl", "restart", "filterd-dns@0", "filterd-gate@0")
    box.until(SPLASH, *BLOCKED)

    box.says("bash", "-c", "rm /tmp/watching")
    assert box.says("bash", "-c", "cat /tmp/passed 2>/dev/null || true") == ""


def test_workers_filter_through_an_upgrade_whose_control_role_is_started_first(box: Box) -> None:
    start(box, "filterd.target")
    box.says("/opt/filterd/bin/python", "-c", OTHER_LAYOUT)

    box.says("systemctl", "restart", "filterd-control")
    assert box.says(*BLOCKED) == SPLASH
    box.says("systemctl", "restart", "filterd-dns@0", "filterd-gate@0", "filterd-web")

    assert box.says(*BLOCKED) == SPLASH
    refused = "/opt/filterd/bin/filterd status --json | grep -o '\"refused\": *[^,]*' | sort -u"
    box.until('"refused": null', "bash", "-c", refused)
