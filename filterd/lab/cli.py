"""`filterd lab up|run|down`: create the laboratory, run the demo, remove both."""

import dataclasses
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from filterd.box.errors import WrongUse
from filterd.config import load
from filterd.lab.addresses import ADULT_PREFIX6, CHILD_PREFIX6, LAB
from filterd.lab.api_desk import Desk
from filterd.lab.demo import run_demo
from filterd.lab.gateway import Folder, Gateway, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.seed.families import FAMILIES
from filterd.lab.seed.life import fill
from filterd.lab.servers import start_servers
from filterd.lab.topology import STANDING, build_lab, remove, remove_orphans

DIRECTORY = Path("/run/filterd-lab")
N_LISTED = 3_000  # names of the list of a laboratory that only stands
LIVE_S = 60.0  # until filterd serves them


def main(what: str, seed: int | None) -> int:
    """Run the command; returns the exit code.   Raises MissingPart, WrongUse."""
    if what == "up":
        return _up(seed)
    if seed is not None:
        raise WrongUse(f"lab {what} --seed: there is nothing to fill; nothing done; write lab up --seed")
    return _run() if what == "run" else _down()


def _up(seed: int | None) -> int:
    """Create the laboratory; an existing one is replaced."""
    place = build_lab(STANDING, DIRECTORY)
    shutil.rmtree(DIRECTORY, ignore_errors=True)  # of the one before, whose programs have ended by now
    internet = start_servers(place)
    print(f"standing: {', '.join(place.namespace(node) for node in ('child', 'adult', 'gateway', 'desk', 'internet'))}")
    print(f"enter:    ip netns exec {place.namespace('child')} bash")
    print(f"ask:      ip netns exec {place.namespace('child')} dig allowed.test @{LAB.resolver4}")
    fetch = f"curl --cacert {internet.authority} --connect-to ::{LAB.web4}: https://allowed.test/"
    print(f"fetch:    ip netns exec {place.namespace('child')} {fetch}")
    if seed is None:
        print(f"filter:   ip netns exec {place.namespace('gateway')} filterd run --config FILE")
    else:
        start_seeded(Gateway(place, Folder(DIRECTORY)), seed)
    print("remove:   filterd lab down")
    return 0


def start_seeded(gateway: Gateway, seed: int) -> None:
    """Start a filterd whose database holds a month; the first two families live in the nodes child and adult."""
    write_orders(gateway.folder.orders, N_LISTED)
    write_configuration(gateway, 1)
    homes = ((LAB.child4, CHILD_PREFIX6), (LAB.adult4, ADULT_PREFIX6), FAMILIES[2].prefixes)
    families = [dataclasses.replace(each, prefixes=held) for each, held in zip(FAMILIES, homes, strict=True)]
    filled = fill(load(gateway.folder.configuration), datetime.now(UTC), seed, families)
    gateway.start()
    wait_until(Desk(gateway.place, filled.tokens["engineer"]).is_up, "the API", LIVE_S)
    print(f"API:      ip netns exec {STANDING}-desk curl -H 'Authorization: Bearer TOKEN' {LAB.api}/v1/orders")
    for who, token in filled.tokens.items():
        print(f"token:    {who:11} {token}")


def _run() -> int:
    signal.signal(signal.SIGTERM, _end)
    return run_demo()


def _down() -> int:
    removed = [*remove(STANDING), *remove_orphans()]
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    print(f"removed: {', '.join(removed)}" if removed else "nothing")
    return 0 if removed else 1


def _end(number: int, _: FrameType | None) -> None:
    """Exit by an exception, so that the lab is removed on the way out."""
    print("stop requested", file=sys.stderr)
    raise SystemExit(128 + number)
