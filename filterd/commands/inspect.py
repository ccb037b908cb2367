"""`filterd inspect FILE.pcap[ng]`: show the decision for each name in a capture file."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from fastpath.report.hello_classes import Ja4Classes
from filterd.box.errors import WrongUse
from filterd.commands.capture_inspector import Inspector
from filterd.commands.pcap import iter_frames
from filterd.commands.roles.packet_gate.ja4_file import read_ja4_classes
from filterd.images.explain.open_tables import open_tables
from rules.base.errors import BadList

EXAMPLE = "filterd inspect trace.pcapng --list pta.csv,tier=order --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--list",
        action="append",
        default=[],
        dest="lists",
        metavar="SOURCE",
        help="judge by this list; repeat for more",
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="use the images in DIR instead of lists")
    parser.add_argument("--ja4", action="store_true", help="with --json: the JA4 fingerprint of each hello")
    parser.add_argument(
        "--ja4-classes",
        type=Path,
        metavar="CLASSES",
        help="with --json: the class of each hello; FILE as in /gate/ja4_classes",
    )
    parser.add_argument("--json", action="store_true", help="one object for each line")


def run(args: argparse.Namespace) -> int:
    classes = _classes(args.ja4_classes) if args.ja4_classes else None
    with tempfile.TemporaryDirectory(prefix="filterd-") as folder:
        tables = open_tables(args.lists, args.images, Path(folder))
        tables = tables if args.lists else tables.public()
        inspector = Inspector(tables, tells_ja4=args.ja4, ja4_classes=classes)
        try:
            for frame in iter_frames(args.file):
                for found in inspector.see(frame):
                    print(json.dumps(found) if args.json else _line(found))
        except OSError as reason:
            raise WrongUse(f"{args.file}: {reason.strerror}; not read; name a capture file") from reason
        except ValueError as reason:
            raise WrongUse(str(reason)) from reason
    return 0


def _classes(path: Path) -> Ja4Classes:
    try:
        said = read_ja4_classes(path)
    except BadList as reason:
        raise WrongUse(str(reason)) from reason
    for fault in said.faults:
        print(fault, file=sys.stderr)
    return Ja4Classes(said.classes)


def _line(found: dict[str, Any]) -> str:
    if "undecidable" in found:
        return f"{found['channel'] or '-'} {found.get('name') or '-'}: undecidable, {found['undecidable']}"
    decision = found["decision"]
    who = f"{found['src']}:{found['sport']} > {found['dst']}:{found['dport']}"
    why = f"reason {decision['reason']}, rule {decision['rule'] or '-'}"
    return f"{found['channel']} {found['name']}: {decision['action']} ({why}) {who}"
