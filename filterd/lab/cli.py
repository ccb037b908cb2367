"""`filterd lab up|run|down`: create the laboratory, run the demo, remove both."""

import argparse
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

from filterd.lab.addresses import LAB
from filterd.lab.demo import run_demo
from filterd.lab.servers import start_servers
from filterd.lab.topology import STANDING, build_lab, remove, remove_orphans

EXAMPLE = "filterd lab up\nip netns exec fd-up-child dig allowed.test @192.0.2.53\nfilterd lab down"
DIRECTORY = Path("/run/filterd-lab")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    does = "up: create it and keep it · run: run the demo · down: remove it, with what interrupted runs left"
    parser.add_argument("what", choices=("up", "run", "down"), help=does)


def main(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code.   Raises Missing."""
    return {"up": _up, "run": _run, "down": _down}[args.what]()


def _up() -> int:
    """Create the laboratory; an existing one is replaced."""
    place = build_lab(STANDING, DIRECTORY)
    internet = start_servers(place)
    print(f"standing: {', '.join(place.namespace(node) for node in ('child', 'adult', 'gateway', 'desk', 'internet'))}")
    print(f"enter:    ip netns exec {place.namespace('child')} bash")
    print(f"ask:      ip netns exec {place.namespace('child')} dig allowed.test @{LAB.resolver4}")
    fetch = f"curl --cacert {internet.authority} --connect-to ::{LAB.web4}: https://allowed.test/"
    print(f"fetch:    ip netns exec {place.namespace('child')} {fetch}")
    print(f"filter:   ip netns exec {place.namespace('gateway')} filterd run --config FILE")
    print("remove:   filterd lab down")
    return 0


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
