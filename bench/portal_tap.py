"""A parent's tap, and the first page on a slow line, as Chromium does both: in the laboratory, as root.

tap_tcp_p99_ms, tap_quic_p99_ms   from the finger on Pause to the last octet at the child's client, of streams that run
                                  over TLS and QUIC, IPv4 and IPv6, N_RUNS taps each.   Goal: ≤ 200
tap_tcp_ms, tap_quic_ms           the medians of the same
lcp_ms                            the largest contentful paint of the first page that anyone sees, the worst of N_VIEWS
                                  by browsers that have kept nothing, at 400 kbit/s with 400 ms to and fro.
                                  Goal: ≤ 1,500

The parent's browser has a line of its own, the child's streams run through the gate, and each piece is 5 ms after the
one before (bench/portal_streams.py).  A tap is taken back by Undo, and the streams begin again.
"""

import contextlib
import itertools
import mmap
import os
import shutil
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import sync_playwright
from support.gate.cut_box import CHILD, Box, a_box

from filterd.lab.gateway import Gateway
from filterd.lab.processes import wait_until
from filterd.lab.servers import start_servers
from filterd.lab.topology import Lab, lab
from mgmt.web.family.acts.taps import DEAF

N_RUNS, N_VIEWS = 50, 20
KINDS, FAMILIES = ("tls", "quic"), ("4", "6")
NAME = "allowed.test"
SILENCE_S = 0.5  # a hundred pieces
BEGIN_S = 60.0  # of a stream, on a busy machine
PROGRAM = str(Path(__file__).with_name("portal_streams.py"))
PHONE = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True, "device_scale_factor": 1.5}
# Network.emulateNetworkConditions; the latency is what WebPageTest and Lighthouse call slow 3G
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
LARGEST = """() => new Promise(found => new PerformanceObserver(list => found(list.getEntries().at(-1).startTime))
    .observe({type: "largest-contentful-paint", buffered: true}))"""


class Watched:
    """A stream of the child's that is begun again when it may."""

    def __init__(self, place: Lab, kind: str, family: str) -> None:
        self.kind, self.what = kind, f"{kind} {family}"
        file = place.directory / f"last-{kind}{family}"
        file.write_bytes(bytes(8))
        with file.open("rb") as opened:
            self._noted = mmap.mmap(opened.fileno(), 8, prot=mmap.PROT_READ)
        address = getattr(place.addresses, f"foreign{family}")
        place.popen("child", [sys.executable, PROGRAM, kind, NAME, address, str(file)], f"stream-{kind}{family}")

    def last(self) -> float:
        return float(struct.unpack_from("=d", self._noted, 0)[0])

    def wait(self) -> None:
        """Wait until octets come."""
        began = time.monotonic()
        wait_until(lambda: self.last() > began, f"octets, {self.what}", BEGIN_S)

    def last_after(self, began: float) -> float:
        """Milliseconds from `began` to the last octets, once no more come."""
        wait_until(lambda: time.monotonic() - self.last() > SILENCE_S, f"the end of {self.what}", BEGIN_S)
        return max(0.0, (self.last() - began) * 1e3)


def browser_figures() -> dict[str, float]:
    """All of them; none without root or Chromium."""
    if os.geteuid() != 0 or shutil.which("chromium") is None:
        print("portal: no root or no chromium, no figures of a browser", file=sys.stderr)
        return {}
    with tempfile.TemporaryDirectory() as name, lab(Path(name)) as place:
        folder = Path(name) / "box"
        folder.mkdir()
        with a_box(place, start_servers(place), folder) as box, chromium(place) as browser:
            page = signed_in(browser, box)
            return {**taps(page, streams(place)), "lcp_ms": largest_paint(browser, place)}


def streams(place: Lab) -> list[Watched]:
    """One of each kind and family, at an address that serves no web but them."""
    keys = [str(place.directory / "internet" / f"web.{kind}") for kind in ("pem", "key")]
    addresses = place.addresses.foreign4, place.addresses.foreign6
    place.popen("internet", [sys.executable, PROGRAM, "serve", *keys, *addresses], "streams")
    listening = f"[{addresses[1]}]:443"
    wait_until(lambda: listening in place.run("internet", ["ss", "-Hltn"]).stdout, "the streams", BEGIN_S)
    return [Watched(place, kind, family) for kind, family in itertools.product(KINDS, FAMILIES)]


@contextlib.contextmanager
def chromium(place: Lab) -> Iterator[Any]:
    """Debian's Chromium on the adult's line."""
    program = place.directory / "chromium"
    program.write_text(f'#!/bin/sh\nexec {" ".join(place.inside("adult", ["chromium"]))} "$@"\n')
    program.chmod(0o700)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(browser: Any, box: Box) -> Any:
    """The page of a parent of the child's line."""
    token = Gateway(box.lab, box.folder).make_token("parent", "--subscriber", str(CHILD))
    page = browser.new_context(**PHONE).new_page()
    page.goto(first_page(box.lab, "en"))
    page.fill("input[name=token]", token)
    with page.expect_navigation():
        page.click("form[action*='/login'] button")
    return page


def first_page(place: Lab, language: str) -> str:
    return f"{place.addresses.api}/family?lang={language}"


def taps(page: Any, watched: Sequence[Watched]) -> dict[str, float]:
    """Pause and take it back, N_RUNS times."""
    took: dict[str, list[float]] = {"tls": [], "quic": []}
    for _ in range(N_RUNS):
        for each in watched:
            each.wait()
        began = tapped(page, "form[action*='/pause'] button")
        for each in watched:
            took[each.kind].append(each.last_after(began))
        time.sleep(DEAF.total_seconds())
        tapped(page, "form[action*='/undo'] button")
    return {
        "tap_tcp_p99_ms": _p99(took["tls"]),
        "tap_quic_p99_ms": _p99(took["quic"]),
        "tap_tcp_ms": statistics.median(took["tls"]),
        "tap_quic_ms": statistics.median(took["quic"]),
    }


def tapped(page: Any, button: str) -> float:
    """Touch the middle of a button, and wait for the page that comes; when the finger touched it."""
    place = page.locator(button).first
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    with page.expect_navigation():
        began = time.monotonic()
        page.touchscreen.tap(*at)
    return began


def largest_paint(browser: Any, place: Lab) -> float:
    """Milliseconds: the worst of N_VIEWS, in both languages by turns."""
    found = []
    for language in itertools.islice(itertools.cycle(("ur", "en")), N_VIEWS):
        context = browser.new_context(**PHONE)
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", SLOW)
        page.goto(first_page(place, language))
        found.append(float(page.evaluate(LARGEST)))
        context.close()
    return max(found)


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


if __name__ == "__main__":
    for key, value in browser_figures().items():
        print(f"{key:20} {value:12,.1f}")
