"""The cut, as a whole filterd makes it: what a tightened rule closes ends while it runs, and nothing else does.

How soon is measured where nothing else runs: `tap_tcp_p99_ms` and `tap_quic_p99_ms` of bench/portal_tap.py, and
bench/emergency.py for an order.  What is not cut here would never end.
"""

import base64
import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from support.gate.cut_box import CALLS, CHILD, FILMS, HELP, NAMELESS, Box, QuicStream, a_box, go_on

from filterd.lab.clients import Download
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import NETNS_FILES, Lab

pytestmark = pytest.mark.kernel

ENDS_S = 60.0  # on a busy machine
SILENCE_S = 2.0
BROWSER_S = 120.0  # a cold browser on one
FAMILIES = pytest.mark.parametrize("family", ["4", "6"])


@pytest.fixture(scope="module")
def box(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with a_box(lab, internet, tmp_path_factory.mktemp("cut")) as found:
        yield found


def wait_for_ends(found: Sequence[Download]) -> None:
    """See each of them end, and that no other port brings its client any more."""
    for each in found:
        each.wait_for_stop(SILENCE_S, ENDS_S)
    assert not any(each.move() for each in found if isinstance(each, QuicStream))


@FAMILIES
def test_what_a_closed_category_serves_ends_and_all_else_goes_on(box: Box, family: str) -> None:
    closing = [("child", protocol, "video.test") for protocol in ("https", "http", "quic")]
    others = [("child", "https", "allowed.test"), ("child", "quic", "allowed.test"), ("adult", "https", "video.test")]
    others += [("adult", "quic", "video.test"), ("child", "https", HELP)]

    box.close()
    with box.running(family, *closing, *others) as found:
        receipt = box.close("video")

        wait_for_ends(found[: len(closing)])
        told = {"at": receipt["cut"]["at"], "ended": len(closing), "still_open": 0, "by": "labels"}
        assert receipt["cut"] == told
        assert receipt["cut"]["at"] >= receipt["at"]
        go_on(found[len(closing) :])


@FAMILIES
def test_a_name_that_a_household_denies_ends_and_all_else_of_the_line_goes_on(box: Box, family: str) -> None:
    name = "denied.many.test"
    closing = [("child", protocol, name) for protocol in ("https", "http", "quic")]
    others = [("child", protocol, "allowed.test") for protocol in ("https", "http", "quic")]
    others += [("child", "https", "video.test"), ("adult", "https", name), ("adult", "quic", name)]

    box.close()
    with box.running(family, *closing, *others) as found:
        receipt = box.close(denied=[name])

        wait_for_ends(found[: len(closing)])
        told = {"at": receipt["cut"]["at"], "ended": len(closing), "still_open": 0, "by": "labels"}
        assert receipt["cut"] == told
        go_on(found[len(closing) :])
    box.close()


@FAMILIES
def test_an_order_ends_what_runs_of_its_name_for_every_line_and_all_else_goes_on(
    box: Box, family: str, tmp_path: Path
) -> None:
    name = "order.test" if family == "4" else "third.test"
    closing = [("child", "https", name), ("adult", "http", name), ("child", "quic", name), ("adult", "quic", name)]
    others = [("child", "https", "allowed.test"), ("adult", "quic", "allowed.test"), ("child", "https", HELP)]
    with box.running(family, *closing, *others) as found:
        entry = {"value": name, "scope": "subtree"}
        order = {"ref": f"T-{family}", "issuer": "PTA", "ground": "PECA 37", "entries": [entry]}
        receipt = box.regulator.post("/v1/orders?wait=15", order)["receipt"]

        wait_for_ends(found[: len(closing)])
        assert (receipt["cut"]["ended"], receipt["cut"]["still_open"]) == (len(closing), 0)
        go_on(found[len(closing) :])


@FAMILIES
def test_a_new_version_of_a_list_ends_what_runs_of_its_new_names_and_all_else_goes_on(box: Box, family: str) -> None:
    box.close()
    box.give_list("malware.test")
    name = "www.video.test"
    closing = [("child", "https", name), ("adult", "http", name), ("child", "quic", name), ("adult", "quic", name)]
    others = [("child", "https", "allowed.test"), ("adult", "quic", "allowed.test"), ("child", "https", HELP)]
    try:
        with box.running(family, *closing, *others) as found:
            before = box.n_cut()
            box.give_list("malware.test", name)

            wait_for_ends(found[: len(closing)])
            assert box.n_cut() - before == len(closing)
            go_on(found[len(closing) :])
    finally:
        box.give_list("malware.test")  # the films of other tests are this name's


@FAMILIES
def test_what_has_no_name_ends_where_a_line_closes_what_cannot_be_judged_and_all_else_goes_on(
    box: Box, family: str
) -> None:
    closing = [("child", "https", NAMELESS)]
    others = [("child", "https", "allowed.test"), ("child", "quic", "allowed.test"), ("child", "https", HELP)]
    others += [("adult", "https", NAMELESS)]

    box.close()
    with box.running(family, *closing, *others) as found:
        receipt = box.close("undecidable")

        wait_for_ends(found[: len(closing)])
        assert (receipt["cut"]["ended"], receipt["cut"]["still_open"]) == (len(closing), 0)
        go_on(found[len(closing) :])


def test_soft_hours_that_begin_by_the_clock_end_what_they_close_and_nothing_else(box: Box) -> None:
    box.close()
    closing = [("child", protocol, "allowed.test") for protocol in ("https", "http", "quic")]
    others = [("child", "https", "video.test"), ("child", "quic", "video.test"), ("child", "https", HELP)]
    others += [("adult", "https", "allowed.test"), ("adult", "quic", "allowed.test")]
    try:
        with box.running("4", *closing, *others) as found4, box.running("6", *closing, *others) as found6:
            begins = (datetime.now(UTC) + timedelta(seconds=120)).replace(second=0, microsecond=0)
            box.close_softly(begins, "video")
            go_on([*found4, *found6])
            assert datetime.now(UTC) < begins

            time.sleep((begins - datetime.now(UTC)).total_seconds())
            wait_for_ends([*found4[: len(closing)], *found6[: len(closing)]])
            go_on([*found4[len(closing) :], *found6[len(closing) :]])
    finally:
        box.operator.put(f"/v1/subscribers/{CHILD}/schedule", {"closed": []})


# -- a real browser, with names as filterd's DNS answers them ----------------------------------------------------------


@pytest.fixture
def browsing(box: Box, tmp_path: Path) -> Iterator[list[str]]:
    """A command of the child's: Chromium, which asks the gateway for names and knows the servers' key."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not on this box; apt-get install it where there is one")
    names = NETNS_FILES / box.lab.namespace("child") / "resolv.conf"
    names.write_text(f"nameserver {box.lab.addresses.gateway4}\n")
    certificate = load_pem_x509_certificate((box.lab.directory / "internet" / "web.pem").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    known = base64.b64encode(hashlib.sha256(key).digest()).decode()
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-sync"]
    argv = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", *quiet]
    yield ["env", f"HOME={tmp_path}", *argv, f"--ignore-certificate-errors-spki-list={known}"]
    names.unlink()


def test_under_a_full_lock_a_browser_and_curl_open_a_help_site_by_its_name_and_nothing_else(
    box: Box, browsing: list[str]
) -> None:
    lab, trust = box.lab, ["--cacert", str(box.internet.authority)]

    def pages(name: str) -> tuple[bool, bool]:
        """Whether the site's own page comes: in curl, in Chromium."""
        own = f"origin sni={name} host={name}"
        by_curl = lab.run("child", ["curl", "-sS", "-m", "20", "--noproxy", "*", *trust, f"https://{name}/"])
        by_browser = lab.run("child", [*browsing, "--dump-dom", f"https://{name}/"], timeout_s=BROWSER_S)
        return own in by_curl.stdout, own in by_browser.stdout

    box.close()
    assert pages("allowed.test") == (True, True)
    box.operator.post(f"/v1/subscribers/{CHILD}/pause", {"minutes": None})
    try:
        found = {name: pages(name) for name in (HELP, "allowed.test", FILMS)}
    finally:
        box.operator.post(f"/v1/subscribers/{CHILD}/resume", {})

    assert found == {HELP: (True, True), "allowed.test": (False, False), FILMS: (False, False)}


def test_a_film_in_a_browser_ends_when_its_service_closes_and_a_call_of_another_one_goes_on(
    box: Box, browsing: list[str]
) -> None:
    box.close()
    log = box.lab.programs.logs / "child-film.log"
    log.unlink(missing_ok=True)
    calls = [("child", "https", CALLS), ("child", "quic", CALLS)]

    def said(word: str) -> int:
        return log.read_text(errors="replace").count(f'"{word} ')

    options = ["--enable-logging=stderr", "--remote-debugging-port=0", f"https://{FILMS}/watch"]
    with box.running("4", *calls) as found:
        browser = box.lab.popen("child", [*browsing, *options], "film")
        try:
            wait_until(lambda: said("octets") > 20, "the film", BROWSER_S)
            receipt = box.close(services=["youtube"])
            wait_until(lambda: said("stopped") > 2, "the end of the film, and of what begins again", BROWSER_S)
            so_far = said("octets")
            go_on(found)
            stopped = said("stopped")
            wait_until(lambda: said("stopped") > stopped, "another try", BROWSER_S)

            assert said("octets") == so_far
            assert receipt["cut"]["ended"] >= 1  # a browser may have opened more than it uses
            assert receipt["cut"]["still_open"] == 0
            box.close()
            wait_until(lambda: said("octets") > so_far, "the film again", BROWSER_S)
            go_on(found)
        finally:
            box.lab.stop(browser)
