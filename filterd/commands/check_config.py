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
    for entry in config.lists:
        for path in (entry.file, entry.seed, entry.ca, entry.client_certificate, entry.client_key):
            if path is not None and not path.exists():
                print(
                    f"config {args.file} list {entry.id}: {path} is not there yet; "
                    "its last good version is in force, if there is one; put the file there"
                )
    print(
        f"{args.file}: good; {len(config.lists)} lists, {config.dns.workers} dns and {config.gate.workers} gate workers"
    )
    return 0
