"""A gate in the gateway of the lab: rules, images, loop.

    python gateway.py FOLDER POLICY symmetric|asymmetric [CHILD,… LISTED,…]

POLICY is closed, open, or overloaded: open, and open to what overruns its queue, too.

It ends with SIGTERM.  FOLDER/ready appears once it serves.   blocked.test and what is below is on an order.  The
addresses LISTED are closed to those of the CHILD, by a category.   FOLDER/ja4.txt, where it is there, has the classes
that hellos are counted by; FOLDER/mark_shift, likewise, where the gate's bits of marks begin; FOLDER/queue, the queue
that it serves and to which its rules send all packets, where that is not the first.  With FOLDER/late, the order comes
with SIGHUP; FOLDER/published appears once it is in force.
What servers may still wait for is remembered beside FOLDER, so that a gate in another one knows it.
"""

import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from support.images.opened import Images
from support.images.prefixes import entries

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_SHIFT
from fastpath.gate.unfinished import octets_needed
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Mode, Reason
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.spool import Reporter
from filterd.commands.roles.packet_gate.ja4_file import classes_to_count
from filterd.commands.roles.packet_gate.queue_drops import QUEUES, Overrun
from filterd.commands.roles.packet_gate.unfinished_file import map_unfinished
from filterd.kernel.firewall import Kernel
from filterd.kernel.ruleset import Rules
from filterd.kernel.suspect_addresses import Suspects

N_FLOWS = 262144
PAGE = b"HTTP/1.1 451 Unavailable For Legal Reasons\r\nConnection: close\r\n\r\nstopped: "


def tables_of(folder: Path, child: list[str], listed: list[str], ordered: str = "blocked.test") -> TableSet:
    images = Images(folder)
    names = images.names(
        [("orders", ordered, Mode.SUBTREE), *(entry for each in listed for entry in entries("adult", each))]
    )
    if not child:
        return TableSet(names)
    subscribers = images.subscribers([(f"{address}/{128 if ':' in address else 32}", 1) for address in child])
    return TableSet(names, subscribers=subscribers, policy=images.policy([(1, ProfileSpec(1 << 1, (), 0, 0))]))


def number_in(file: Path, without: int) -> int:
    return int(file.read_text()) if file.exists() else without


def serve(folder: Path, policy: str, routing: str, child: list[str], listed: list[str]) -> None:
    """Put the rules in force and serve a queue until SIGTERM."""
    stopped, published = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGHUP, lambda *_: published.set())
    handoff, reporter = Handoff(), Reporter(folder / "counters", folder / "spool")
    tables = tables_of(folder, child, listed)
    if (folder / "late").exists():
        (folder / "before").mkdir()
        handoff.give(tables_of(folder / "before", child, listed, "other.test"))
    else:
        handoff.give(tables)
    mark_shift, queue = number_in(folder / "mark_shift", MARK_SHIFT), number_in(folder / "queue", 0)
    is_closed, is_asymmetric = policy == "closed", routing == "asymmetric"
    pages: dict[str, dict[int, tuple[bytes, bytes]]] = {"en": {Reason.ORDER: (PAGE, b"x" * 4000 + b" END")}}
    # what overruns the queue of a busy machine is sent again, and not let through unjudged
    is_shut = policy != "overloaded"
    classes = classes_to_count(folder / "ja4.txt") if (folder / "ja4.txt").exists() else None
    gate = GateLoop(
        queue,
        handoff,
        reporter,
        [443],
        [80],
        is_closed,
        pages,
        N_FLOWS,
        when_overloaded_closed=is_shut,
        is_asymmetric=is_asymmetric,
        ja4_classes=classes,
        mark_shift=mark_shift,
        unfinished=map_unfinished(folder.parent / "unfinished", octets_needed(N_FLOWS)),
    )
    overrun = Overrun(queue, reporter.counters)
    loop = threading.Thread(target=gate.run)
    loop.start()
    kernel = Kernel()
    rules = Rules(ports=(80, 443), http_ports=(80,), quic_ports=(443,), n_queues=1, is_open_when_dead=not is_closed)
    while loop.is_alive() and not any(line.split()[0] == str(queue) for line in QUEUES.read_text().splitlines()):
        stopped.wait(0.01)
    kernel.apply(replace(rules, is_asymmetric=is_asymmetric, mark_shift=mark_shift, first_queue=queue))
    kernel.set_suspects(Suspects().of(tables))
    (folder / "ready").touch()
    while loop.is_alive() and not stopped.wait(0.1):
        reporter.tend()
        overrun.tend()
        if published.is_set():
            published.clear()
            number = handoff.give(tables)
            while handoff.taken() < number:
                stopped.wait(0.01)
            (folder / "published").touch()
    kernel.remove()
    gate.stop()
    loop.join()


if __name__ == "__main__":
    policy, routing = sys.argv[2:4]
    child, listed = [text.split(",") for text in sys.argv[4:]] or ([], [])
    serve(Path(sys.argv[1]), policy, routing, child, listed)
