"""`filterd check-config FILE`: every fault at once, each with its path and a suggestion."""

import argparse
import os
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
        for path in (entry.file, entry.seed, entry.tsig, entry.ca, entry.client_certificate, entry.client_key):
            if path is not None and not path.exists():
                print(
                    f"config {args.file} list {entry.id}: {path} is not there yet; "
                    "its last good version is in force, if there is one; put the file there"
                )
    for path in (config.dns.tls.certificate, config.dns.tls.key, config.dns.upstream_ca):
        if path is not None and not os.access(path, os.R_OK):
            print(
                f"config {args.file} dns tls: {path} is not there, or not readable by this account; "
                "no dns worker will start without it; put the file there, readable by filterd-dns, or by filterd where "
                "one account has all roles"
            )
    for zone in config.rpz.zones:
        if zone.tsig is not None and not zone.tsig.exists():
            print(
                f"config {args.file} zone {zone.name}: {zone.tsig} is not there; no zone is served without it; "
                "make it with tsig-keygen, readable by filterd-control"
            )
    print(
        f"{args.file}: good; {len(config.lists)} lists, {config.dns.workers} dns and {config.gate.workers} gate workers"
    )
    return 0
