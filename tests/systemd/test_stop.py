"""What is left of filterd when it is stopped, and what happens while it is started again."""

from typing import Protocol

import pytest

pytestmark = pytest.mark.kernel

ASK = ("dig", "+short", "+time=5", "+tries=3", "@127.0.0.1")
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
# Answers every query with 198.51.100.7.
UPSTREAM = """
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("127.0.0.1", 5399))
while True:
    query, client = here.recvfrom(4096)
    end = query.index(b"\\0", 12) + 5
    answer = b"\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x3c\\0\\x04" + bytes((198, 51, 100, 7))
    here.sendto(query[:2] + b"\\x81\\x80\\0\\x01\\0\\x01\\0\\0\\0\\0" + query[12:end] + answer, client)
"""
# Asks for a listed name without a pause, until it is told to stop; keeps what came from the upstream.
WATCH = """
while [ ! -e /tmp/seen ]; do
    dig +short +time=1 +tries=1 @127.0.0.1 www.blocked.example | grep 198.51.100.7 >> /tmp/passed || true
done
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
    box.until("chain dns", "bash", "-c", f"{' '.join(RULES)} | grep -m1 -o 'chain dns'")  # control may come later


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


def watch(box: Box) -> None:
    """Let somebody ask for a listed name all the time, before an upstream that answers."""
    box.says("systemd-run", "--unit=upstream", "/opt/filterd/bin/python", "-c", UPSTREAM)
    box.says("systemd-run", "--unit=watch", "bash", "-c", WATCH)


def passed(box: Box) -> str:
    """What got through since watch()."""
    box.says("touch", "/tmp/seen")
    box.until("inactive", "systemctl", "is-active", "watch")
    return box.says("bash", "-c", "sort /tmp/passed | uniq -c")


def test_an_upgrade_of_the_image_layout_lets_nothing_pass(box: Box) -> None:
    box.says("sed", "-i", "s/192.0.2.53:53/127.0.0.1:5399/", "/etc/filterd/filterd.yaml")
    start(box, "filterd.target", "when_no_images: closed")
    watch(box)

    box.says("/opt/filterd/bin/python", "-c", OTHER_LAYOUT)
    box.says("systemctl", "restart", "filterd-dns@0")  # too early: nothing is compiled yet
    assert "SERVFAIL" in box.says("dig", "+time=5", "+tries=3", "@127.0.0.1", "www.blocked.example")
    box.says("systemctl", "restart", "filterd-control")
    box.until(SPLASH, *BLOCKED)
    box.says("systemctl", "restart", "filterd-dns@0", "filterd-gate@0")
    box.until(SPLASH, *BLOCKED)

    assert passed(box) == ""


def test_workers_filter_through_an_upgrade_whose_control_role_is_started_first(box: Box) -> None:
    box.says("sed", "-i", "s/192.0.2.53:53/127.0.0.1:5399/", "/etc/filterd/filterd.yaml")
    start(box, "filterd.target")
    watch(box)
    box.says("/opt/filterd/bin/python", "-c", OTHER_LAYOUT)

    box.says("systemctl", "restart", "filterd-control")
    assert box.says(*BLOCKED) == SPLASH
    box.says("systemctl", "restart", "filterd-dns@0", "filterd-gate@0", "filterd-web")
    assert box.says(*BLOCKED) == SPLASH

    assert passed(box) == ""
    refused = "/opt/filterd/bin/filterd status --json | grep -o '\"refused\": *[^,]*' | sort -u"
    box.until('"refused": null', "bash", "-c", refused)
