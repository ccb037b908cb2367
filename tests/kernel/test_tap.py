"""A tap beside a real forward path: it sees what passes and stops nothing, unless it is told to send resets."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gate.tshark import ja4_of

from fastpath.images.verdict import Action, Channel
from fastpath.report.counters import read_classes, read_counters
from fastpath.report.spool import read_segment, segment_numbers, segment_path
from filterd.lab.clients import CurlResponse, fetch
from filterd.lab.processes import Running, wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
FAMILIES = ("web4", "web6")
PYTHON = ["env", f"PYTHONPATH={ROOT}:{ROOT / 'tests'}", sys.executable]


class Tap:
    """A tap that runs in the gateway, at the link to the internet."""

    def __init__(self, lab: Lab, folder: Path, *options: str) -> None:
        self.lab, self.folder = lab, folder
        folder.mkdir(exist_ok=True)
        program = str(ROOT / "tests/support/gate/tap_program.py")
        argv = [*PYTHON, program, str(folder), interface_to(lab, lab.addresses.web4), *options]
        self.program: Running = lab.popen("gateway", argv)
        wait_until(lambda: (folder / "ready").exists() or self.program.poll() is not None, "the tap")
        assert self.program.poll() is None, "the tap has ended; see logs/gateway-env.log"

    def counted(self, name: str) -> int:
        return read_counters(self.folder / "counters")[name]

    def events(self) -> list[tuple[str, str, Action, Channel]]:
        spool = str(self.folder / "spool")
        found = [
            event
            for number in segment_numbers(spool)
            for event in read_segment(segment_path(spool, number), 0, 100).events
        ]
        return [(event.list, event.rule, Action(event.action), Channel(event.channel)) for event in found]


def interface_to(lab: Lab, address: str) -> str:
    words = lab.run("gateway", ["ip", "route", "get", address]).stdout.split()
    return words[words.index("dev") + 1]


@pytest.fixture
def tap(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Tap]:
    running = Tap(lab, tmp_path / "tap", *getattr(request, "param", ()))
    yield running
    lab.stop(running.program)


def https(lab: Lab, internet: Internet, name: str, family: str, *options: str) -> CurlResponse:
    trust = ["--cacert", str(internet.authority), *options]
    return fetch(lab, "child", f"https://{name}/", getattr(lab.addresses, family), trust)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_would_be_blocked_is_a_shadow_and_passes(tap: Tap, lab: Lab, internet: Internet, family: str) -> None:
    assert https(lab, internet, "www.blocked.test", family).code == 200
    assert https(lab, internet, "allowed.test", family).code == 200
    seen = fetch(lab, "child", "http://www.blocked.test/", getattr(lab.addresses, family))
    assert seen.code == 200, seen

    wait_until(lambda: tap.counted("gate_shadowed") == 2, "two shadows")
    assert tap.events() == [
        ("orders", "blocked.test", Action.SHADOW, Channel.SNI),
        ("orders", "blocked.test", Action.SHADOW, Channel.HTTP),
    ]
    assert tap.counted("gate_blocked") == tap.counted("gate_rst_sent") == 0
    assert tap.counted("gate_hellos") == 2
    assert tap.counted("gate_released") == 1
    assert tap.counted("tap_lost") == tap.counted("gate_malformed") == 0


def test_hellos_are_counted_by_the_class_of_their_software(lab: Lab, internet: Internet, tmp_path: Path) -> None:
    folder = tmp_path / "tap"
    folder.mkdir()
    known = ja4_of(lab, tmp_path / "known.pcapng", lambda: https(lab, internet, "allowed.test", "web4"))
    (folder / "ja4.txt").write_text(f"{known} curl\n")
    tap = Tap(lab, folder)
    try:
        assert https(lab, internet, "www.blocked.test", "web4").code == 200
        assert https(lab, internet, "allowed.test", "web6", "--tls-max", "1.2").code == 200
        wait_until(lambda: sum(read_classes(folder / "counters").values()) == 2, "two hellos")
        assert read_classes(folder / "counters") == {"other": 1, "curl": 1}
    finally:
        lab.stop(tap.program)


@pytest.mark.parametrize("tap", [("reset",)], indirect=True)
@pytest.mark.parametrize("family", FAMILIES)
def test_resets_are_sent_where_the_tap_is_told_to(tap: Tap, lab: Lab, internet: Internet, family: str) -> None:
    """Whether a reset comes in time is a race, and not asked here: only that it was sent, and for whom."""
    https(lab, internet, "www.blocked.test", family)
    wait_until(lambda: tap.counted("gate_rst_sent") >= 2, "a reset for each end")

    def see_allowed() -> int:
        """Resets so far, once the tap has seen an allowed name, and so all that came before it."""
        n_hellos = tap.counted("gate_hellos")
        assert https(lab, internet, "allowed.test", family).code == 200
        wait_until(lambda: tap.counted("gate_hellos") > n_hellos, "the hello of an allowed name")
        return tap.counted("gate_rst_sent")

    assert see_allowed() == see_allowed()
    assert tap.counted("gate_verdict_failed") == 0


@pytest.mark.parametrize("tap", [("reset",)], indirect=True)
def test_a_running_download_of_a_listed_name_is_reset(tap: Tap, lab: Lab, internet: Internet) -> None:
    """Every packet of the client brings another pair, so what lasts does not last: no race is left to win."""
    argv = ["curl", "-s", "--noproxy", "*", "-o", "/dev/null", "-m", "20", "--limit-rate", "1M"]
    argv += ["--cacert", str(internet.authority), "--connect-to", f"::{lab.addresses.web4}:443"]
    done = lab.run("child", [*argv, "https://www.blocked.test/big"], None, 40.0)

    assert done.returncode not in (0, 28), done  # neither whole nor waited for: whichever call meets the reset says so
    assert tap.counted("gate_rst_sent") >= 2
