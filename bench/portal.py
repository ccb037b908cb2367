"""The family pages: what a page costs the role web, how large it is, and how long a tap takes to its receipt.

pages_per_s         home pages of a signed-in parent with one card, by the CPU time of the role web alone: what one
                    core gives, on a machine with other work, too.   Goal: ≥ 300
page_ms             the 99th percentile of a page's time at PER_S requests a second, in one connection.  Goal: ≤ 50
first_view_octets   the page to sign in with its style sheet.   Goal: ≤ 60,000
home_octets         the page with one card, once the style sheet is kept.   Goal: ≤ 20,000
tap_receipt_ms      the 99th percentile of N_TAPS taps on Pause, to the answer that leads to the receipt
tap_…, lcp_ms       what a browser and a running stream see: bench/portal_tap.py, as root

python bench/run.py portal
"""

import http.client
import re
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.system.daemon import Daemon

from bench.portal_tap import browser_figures
from bench.splash_speed import cpu_s, parent_of_a_line, running
from mgmt.web.family.acts.taps import DEAF

N_PAGES = 2000
N_TIMED, PER_S = 500, 50
N_TAPS = 50


class HasApi(Protocol):
    """Something with family pages.   api  their port"""

    api: int


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as daemon:
        found = of_a_parent(daemon, parent_of_a_line(daemon))
    return {**found, **browser_figures()}


def of_a_parent(daemon: Daemon, token: str) -> dict[str, float]:
    with closing(Browser(daemon)) as browser:
        sign_in = browser.get("/family?lang=ur")
        style = browser.get(_one(r'href="(/family/[0-9a-f]+\.css)"', sign_in))
        browser.sign_in(token)
        home = browser.get("/family?lang=ur")
        sizes = {"first_view_octets": float(len(sign_in) + len(style)), "home_octets": float(len(home))}
        return {**sizes, **pages(daemon, browser), **taps(browser)}


def pages(daemon: Daemon, browser: "Browser") -> dict[str, float]:
    for _ in range(200):
        browser.get("/family?lang=ur")
    before = cpu_s(daemon, "web-0")
    for _ in range(N_PAGES):
        browser.get("/family?lang=ur")
    per_s = N_PAGES / (cpu_s(daemon, "web-0") - before)
    return {"pages_per_s": per_s, "page_ms": _p99([_paced(browser) for _ in range(N_TIMED)])}


def taps(browser: "Browser") -> dict[str, float]:
    """Pause, undo, pause, …; the taps alone are timed, each to the answer that leads to the receipt."""
    took = []
    for _ in range(N_TAPS):
        said = form_of(browser.get("/family?lang=ur"))  # of a page of its own: a form does nothing twice
        began = time.perf_counter()
        assert browser.post("/family/pause?lang=ur", said) == 303
        took.append((time.perf_counter() - began) * 1e3)
        time.sleep(DEAF.total_seconds())
        assert browser.post("/family/undo?lang=ur", said) == 303
    return {"tap_receipt_ms": _p99(took)}


def form_of(home: bytes) -> dict[str, str]:
    """What the buttons of the first card send."""
    patterns = {"csrf": r'name="csrf" value="([^"]+)"', "profile": r'name="profile" value="(\d+)"'}
    return {name: _one(pattern, home) for name, pattern in patterns.items()}


class Browser:
    """One connection that stays open, with a cookie."""

    def __init__(self, daemon: HasApi) -> None:
        self._to = http.client.HTTPConnection("127.0.0.1", daemon.api, timeout=60)
        self._cookie = ""

    def close(self) -> None:
        self._to.close()

    def get(self, path: str) -> bytes:
        self._to.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._to.getresponse()
        said = answer.read()
        assert answer.status == 200, (path, answer.status)
        return said

    def post(self, path: str, fields: dict[str, str]) -> int:
        self._to.request("POST", path, urlencode(fields), {"Cookie": self._cookie, **FORM})
        answer = self._to.getresponse()
        answer.read()
        given = answer.headers.get("Set-Cookie", "")
        self._cookie = given.partition(";")[0] if given.startswith("family=") else self._cookie
        return answer.status

    def sign_in(self, token: str) -> None:
        assert self.post("/family/login", {"token": token}) == 303


def _paced(browser: Browser) -> float:
    """Milliseconds of a page, at PER_S of them a second."""
    began = time.perf_counter()
    browser.get("/family?lang=ur")
    took = time.perf_counter() - began
    time.sleep(max(0.0, 1 / PER_S - took))
    return took * 1e3


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _one(pattern: str, text: bytes) -> str:
    found = re.search(pattern, text.decode())
    assert found is not None, pattern
    return found[1]
