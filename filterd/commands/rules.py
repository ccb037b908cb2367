"""`filterd rules leave`: make the kernel's rules those of a box on which filterd is stopped."""

import argparse
from pathlib import Path

from filterd.box.errors import ApiRefusal
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.control.rules_at_stop import leave

EXAMPLE = "filterd rules leave --config /etc/filterd/filterd.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=("leave",), help="leave: once filterd is stopped; filterd.target does it itself"
    )
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")


def run(args: argparse.Namespace) -> int:
    try:
        leave(loaded(args.config))
    except RuntimeError as reason:
        raise ApiRefusal(str(reason)) from reason
    return 0
