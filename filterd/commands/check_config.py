"""`filterd check-config FILE`: every fault at once, each with its path and a suggestion."""

import argparse
import sys
from pathlib import Path

from filterd.config import BadConfig, load

EXAMPLE = "filterd check-config /etc/filterd/filterd.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    try:
        config = load(args.file)
    except BadConfig as bad:
        print(bad, file=sys.stderr)
        print(f"{args.file}: {len(bad.faults)} fault{'s' if len(bad.faults) > 1 else ''}", file=sys.stderr)
        return 2
    absent = [entry for entry in config.lists if not entry.file.is_file()]
    for entry in absent:
        print(
            f"config {args.file} list {entry.id}: {entry.file} is not there yet; "
            "lists are not compiled without it; put the file there"
        )
    print(
        f"{args.file}: good; {len(config.lists)} lists, {config.dns.workers} dns and {config.gate.workers} gate workers"
    )
    return 0
