"""The cut where answers take another way: of TCP the kernel tracks the clients' half, and that is enough."""

from collections.abc import Iterator

import pytest
from support.gate.cut_box import HELP, Box, a_box, go_on
from support.gate.detour import detour
from support.gate.program import PYTHON, connections_of_server, https

from filterd.kernel.box_settings import LOOSE
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

SILENCE_S = 2.0
WAIT_S = 30.0
FAMILIES = pytest.mark.parametrize("family", ["4", "6"])
# A body that never ends: its client acknowledges nothing, and each of its packets goes to the gate.
UPLOAD = """
import socket, sys, time
one = socket.create_connection((sys.argv[1], 80), 30)
one.sendall(b"POST /big HTTP/1.1\\r\\nHost: video.test\\r\\nContent-Length: 1000000\\r\\n\\r\\n")
one.recv(1)
print("sending", flush=True)
try:
    while True:
        one.sendall(b"x" * 100)
        time.sleep(0.05)
except (BrokenPipeError, ConnectionResetError):
    print("reset", flush=True)
"""


@pytest.fixture(scope="module")
def box(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with detour(lab), a_box(lab, internet, tmp_path_factory.mktemp("cut"), routing="asymmetric") as found:
        # with their labels, what earlier tests have opened and ended would be counted: nothing here sees that it ended
        done = lab.run("gateway", ["conntrack", "-F"])
        assert done.returncode == 0, done.stderr
        yield found


@FAMILIES
def test_what_a_closed_category_serves_ends_at_both_ends_and_all_else_goes_on(box: Box, family: str) -> None:
    box.close()
    closing = [("child", protocol, "video.test") for protocol in ("https", "http", "quic")]
    others = [("child", "https", "allowed.test"), ("child", "http", "allowed.test"), ("child", "https", HELP)]
    others += [("child", "quic", "allowed.test"), ("adult", "https", "video.test")]
    with box.running(family, *closing, *others) as found:
        receipt = box.close("video")

        for each in found[: len(closing)]:
            each.wait_for_stop(SILENCE_S)
        assert receipt["cut"] == {"at": receipt["cut"]["at"], "ended": len(closing), "still_open": 0, "by": "labels"}
        go_on(found[len(closing) :])
        n_left = len([each for each in others if each[1] != "quic"])
        wait_until(lambda: len(connections_of_server(box.lab)) == n_left, "the end of those that were cut")


@FAMILIES
def test_a_connection_that_begins_behind_the_cut_is_judged_as_ever(box: Box, family: str) -> None:
    box.close()
    with box.running(family, ("child", "https", "video.test")) as [film]:
        box.close("video")
        film.wait_for_stop(SILENCE_S)

    assert https(box.lab, box.internet, "video.test", f"web{family}").was_reset
    assert https(box.lab, box.internet, "allowed.test", f"web{family}").code == 200
    box.close()
    with box.running(family, ("child", "https", "video.test")) as again:
        go_on(again)


@FAMILIES
def test_what_only_sends_ends_too(box: Box, family: str) -> None:
    box.close()
    log = box.lab.programs.logs / "child-upload.log"
    log.unlink(missing_ok=True)

    def says(word: str) -> bool:
        return log.exists() and word in log.read_text()

    upload = box.lab.popen("child", [*PYTHON, "-c", UPLOAD, getattr(box.lab.addresses, f"web{family}")], "upload")
    try:
        wait_until(lambda: says("sending"), "an upload", WAIT_S)
        receipt = box.close("video")
        wait_until(lambda: says("reset"), "the end of the upload", WAIT_S)
    finally:
        box.lab.stop(upload)

    assert receipt["cut"]["ended"] >= 1  # the kernel does not know yet that others have ended by themselves
    assert receipt["cut"]["still_open"] == 0


def test_where_the_kernel_picks_nothing_up_tcp_goes_on_and_the_receipt_says_that_quic_is_all(box: Box) -> None:
    box.close()
    _confine(box)
    _must(box.lab, f"{LOOSE}=0")
    try:
        with box.running("4", *(("child", each, "video.test") for each in ("quic", "https"))) as [quic, https]:
            receipt = box.close("video")

            quic.wait_for_stop(SILENCE_S)
            assert receipt["cut"] == {"at": receipt["cut"]["at"], "ended": 1, "still_open": 0, "by": "quic"}
            go_on([https])
    finally:
        _must(box.lab, f"{LOOSE}=1")


def _confine(box: Box) -> None:
    """Settings are read-only for filterd from now on: else control would put this one right."""
    pid = (box.folder.run / "control-0.pid").read_text().split()[0]
    mounting = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys"
    done = box.lab.run("gateway", ["nsenter", "--target", pid, "--mount", "sh", "-c", mounting])
    assert done.returncode == 0, done.stderr


def _must(lab: Lab, setting: str) -> None:
    done = lab.run("gateway", ["sysctl", "-qw", f"net.netfilter.{setting}"])
    assert done.returncode == 0, done.stderr
