"""Plays one escape, in IPv4 and IPv6 side by side.   python program.py < job;  run in the child's namespace.

Standard input: a line of JSON, {"row", "name", "interface", "gateway_mac", "families": [{"ports", "addresses"}, …]};
then a line for each "paused" that it prints, once for all families.   Its last line: what came of the row's last
connection in each of them.
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from support.escapes import (
    beginnings,
    forgery,
    halves,
    innocents,
    interruption,
    long_heads,
    multipath,
    one_piece,
    ports,
    pressure,
)
from support.escapes.child import Child
from support.evasion.connections import Connection
from support.evasion.player import Wire

ROWS: dict[str, Callable[[Child], Connection]] = {
    **ports.ROWS,
    **forgery.ROWS,
    **halves.ROWS,
    **pressure.ROWS,
    **multipath.ROWS,
    **interruption.ROWS,
    **long_heads.ROWS,
    **innocents.ROWS,
    **beginnings.ROWS,
    **one_piece.ROWS,
}


def play(job: dict[str, Any]) -> list[str]:
    families = job["families"]
    all_paused = Barrier(len(families), await_lab)

    def play_family(family: dict[str, Any]) -> str:
        wire, name = Wire(job["interface"], job["gateway_mac"]), job["name"].encode()
        child = Child(wire, family["addresses"], iter(family["ports"]), name, all_paused)
        try:
            last = ROWS[job["row"]](child)
        except BaseException:
            all_paused.abort()  # or the other family would wait for this one
            raise
        child.player.finish()
        return last.outcome

    with ThreadPoolExecutor(len(families)) as threads:
        return list(threads.map(play_family, families))


def await_lab() -> None:
    """Wait until the lab has done what stands between two steps."""
    print("paused", flush=True)
    assert sys.stdin.readline(), "the lab has ended"


if __name__ == "__main__":
    print(json.dumps(play(json.loads(sys.stdin.readline()))))
