"""Plays one escape, in IPv4 and IPv6.   python program.py < job;  run in the child's namespace.

Standard input: a line of JSON, {"row", "name", "interface", "gateway_mac", "families": [{"ports", "addresses"}, …]};
then a line for each "paused" that it prints.   Its last line: what came of the row's last connection in each family.
"""

import json
import sys
from collections.abc import Callable
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
    wire = Wire(job["interface"], job["gateway_mac"])
    outcomes = []
    for family in job["families"]:
        child = Child(wire, family["addresses"], iter(family["ports"]), job["name"].encode())
        last = ROWS[job["row"]](child)
        child.player.finish()
        outcomes.append(last.outcome)
    return outcomes


if __name__ == "__main__":
    print(json.dumps(play(json.loads(sys.stdin.readline()))))
