"""What several targets serve: small images of every kind, and tables of them that a loop has taken."""

import atexit
import shutil
import tempfile
from pathlib import Path

from support.images.opened import Images
from support.images.prefixes import entries

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_QUEUED
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Action, Mode, Reason
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.hello_classes import Ja4Classes
from fastpath.report.spool import Reporter

NOW_S = 1_795_000_000
CLASSES = Ja4Classes({"t13d1516h2_8daaf6152771_02713d6af862": "browser"})
NAMES = (
    "order.test",
    "www.order.test",
    "secret.test",
    "adult.test",
    "ok.malware.test",
    "data.malware.test",
    "new.example",
    "free.example",
)
PARENT, CHILD, PAUSED, NOBODY = "192.0.2.1", "2001:db8::7", "192.0.2.9", "198.51.100.9"
PAGES: dict[str, dict[int, tuple[bytes, bytes]]] = {
    "ur": {
        Reason.ORDER: (b"HTTP/1.1 451 no\r\n\r\n", b"."),
        Reason.PAUSE: (b"HTTP/1.1 200 later\r\n\r\n", b""),
    },
    "en": {Reason.ORDER: (b"HTTP/1.1 451 never\r\n\r\n", b".")},
}

LOCAL_DATA = bytes.fromhex("0001 0000003c 0004 c0000201")  # an address
_BASE = (
    ("csam", "secret.test", Mode.SUBTREE),
    ("orders", "order.test", Mode.SUBTREE, Action.NO_ACTION, 7),
    ("orders-two", "order.test", Mode.EXACT),
    ("help", "help.order.test", Mode.EXACT),
    ("adult", "adult.test", Mode.SUBTREE),
    ("games", "www.adult.test", Mode.BELOW),
    ("malware", "malware.test", Mode.SUBTREE, Action.NODATA),
    ("allowed", "ok.malware.test", Mode.EXACT, Action.PASSTHRU),
    ("malware", "tcp.malware.test", Mode.EXACT, Action.TCP_ONLY),
    ("malware", "gone.malware.test", Mode.EXACT, Action.DROP),
    ("malware", "no.malware.test", Mode.EXACT, Action.REFUSED),
    *entries("malware", "198.51.100.0/24"),
    *entries("orders", "198.51.100.66"),
    *entries("csam", "2001:db8:bad::/48"),
    ("malware", "data.malware.test", Mode.EXACT, Action.LOCAL_DATA, 0, LOCAL_DATA),
)
_DELTA = (("orders", "new.example", Mode.SUBTREE), ("csam", "other.example", Mode.EXACT))
URLS = (
    "free.example/a/b?x=1",
    "free.example/a",
    "free.example/b",
    "secret.example/c",
    "192.0.2.80/d",
    "ok.example:8080/e",
)
_BASE_URLS = (
    ("orders", "free.example/a", Mode.SUBTREE, Action.NO_ACTION, 8),
    ("orders-two", "free.example/a/b?x=1", Mode.EXACT),
    ("malware", "free.example/a/b", Mode.SUBTREE, Action.PASSTHRU),
    ("csam", "secret.example/c", Mode.EXACT),
    ("adult", "192.0.2.80/d", Mode.EXACT),
    ("orders", "ok.example:8080/e", Mode.SUBTREE),
)
_DELTA_URLS = (("orders", "free.example/b", Mode.EXACT),)
_OPEN = ProfileSpec(0, (), 0, 18000)
_CAREFUL = ProfileSpec(1 << 1 | 1 << 70, ((0, 480), (9000, 1080)), 0, 18000, NOW_S + 60, 21600)

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))  # of this process, gone with it
atexit.register(shutil.rmtree, FOLDER)
_images = Images(FOLDER)
_base = (
    _images.names(_BASE),
    _images.subscribers([("192.0.2.0/24", 1), (CHILD + "/128", 2), (PAUSED + "/32", 3), ("2001:db8:1::/48", 1)]),
    _images.policy([(1, _OPEN), (2, _CAREFUL), (3, _OPEN._replace(paused_until=NOW_S + 60))]),
    _images.urls(_BASE_URLS),
)
_delta = (
    _images.names(_DELTA, _base[0], drops=["www.adult.test"]),
    _images.subscribers([("192.0.2.128/25", 2), ("2001:db8:1::/64", None)], _base[1]),
    _images.policy([(1, _CAREFUL)], _base[2]),
    _images.urls(_DELTA_URLS, _base[3], drops=["free.example/a"]),
)
IMAGES = tuple(image for pair in zip(_base, _delta, strict=True) for image in pair)  # as TableSet takes them
TABLES = TableSet(*IMAGES)
HANDOFF = Handoff()
REPORTER = Reporter(FOLDER / "counters", FOLDER / "spool")  # when its segment is full, events are counted as lost
shutil.rmtree(FOLDER / "spool")  # it stays mapped; a process that crashes must not leave 20 MiB behind


def gate(closed: int) -> GateLoop:
    """A gate that has seen nothing yet, with these tables; it counts hellos by class."""
    return GateLoop(0, HANDOFF, REPORTER, [443], [80], closed, PAGES, 4, n_windows=64, ja4_classes=CLASSES)


HANDOFF.give(TABLES)
gate(0).feed(b"", MARK_QUEUED, NOW_S)  # takes the tables
