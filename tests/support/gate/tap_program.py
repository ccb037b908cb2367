"""A tap in the gateway of the lab.   python tapping.py FOLDER INTERFACE [reset];  ends with SIGTERM.

FOLDER/ready appears once it watches.   blocked.test and what is below is on an order.   FOLDER/ja4.txt: see gateway.py
"""

import signal
import sys
import threading
from pathlib import Path

from support.images.opened import Images

from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Mode
from fastpath.report.spool import Reporter
from fastpath.tap.tap_loop import TapLoop
from filterd.commands.roles.packet_gate.ja4_file import classes_to_count


def serve(folder: Path, interface: str, is_reset: bool) -> None:
    """Watch an interface until SIGTERM."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    handoff, reporter = Handoff(), Reporter(folder / "counters", folder / "spool")
    reporter.tend()
    ticket = handoff.give(TableSet(Images(folder).names([("orders", "blocked.test", Mode.SUBTREE)])))
    classes = classes_to_count(folder / "ja4.txt") if (folder / "ja4.txt").exists() else None
    tap = TapLoop([interface], handoff, reporter, [443], [80], 0, is_reset=is_reset, ja4_classes=classes)
    loop = threading.Thread(target=tap.run)
    loop.start()
    while loop.is_alive() and handoff.taken() < ticket:
        stopped.wait(0.01)
    (folder / "ready").touch()
    while loop.is_alive() and not stopped.wait(0.1):
        reporter.tend()
    tap.stop()
    loop.join()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], "reset" in sys.argv[3:])
