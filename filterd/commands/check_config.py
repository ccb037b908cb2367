"""`filterd check-config FILE`: report all faults of a configuration, each with its path and a suggestion."""

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
                    f"config {args.file} list {entry.id}: {path} does not exist yet; "
                    "the list's last good version stays in force, if there is one; put the file there"
                )
    for path in (config.dns.tls.certificate, config.dns.tls.key, config.dns.upstream_ca):
        if path is not None and not os.access(path, os.R_OK):
            print(
                f"config {args.file} dns tls: {path} does not exist, or this account cannot read it; "
                "no dns worker starts without it; put the file there, "
                "readable by filterd-dns, or by filterd if one account runs all roles"
            )
    for zone in config.rpz.zones:
        if zone.tsig is not None and not zone.tsig.exists():
            print(
                f"config {args.file} zone {zone.name}: {zone.tsig} does not exist; no zone is served without it; "
                "create it with tsig-keygen, readable by filterd-control"
            )
    print(
        f"{args.file}: good; {len(config.lists)} lists, {config.dns.workers} dns and {config.gate.workers} gate workers"
    )
    return 0
