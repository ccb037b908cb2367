"""`filterd lookup NAME|URL...`: what would happen, and why, by the same decision as the workers'."""

import argparse
import ipaddress
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from fastpath.image import BadImage, open_image
from fastpath.layout import ImageKind
from fastpath.pack import pack_subscribers
from fastpath.tables import TableSet
from filterd.config.schema import DEFAULT_STATE_DIR
from filterd.errors import Missing, WrongUse
from filterd.explain import CHANNELS, dns_answer, explain_text
from filterd.progress import progress_bar
from rules.compile import compile_sources
from rules.errors import BadList, BadName, BadSource
from rules.source import parse_source

EXAMPLE = "filterd lookup www.example.test --list pta.csv,tier=order --json"
IMAGES_DIR = DEFAULT_STATE_DIR / "images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME|URL", help="none: one a line on stdin")
    parser.add_argument(
        "--list", action="append", default=[], dest="lists", metavar="SOURCE", help="look in this list; again for more"
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help=f"look in the images of DIR (default, without --list: {IMAGES_DIR})"
    )
    parser.add_argument("--subscriber", metavar="ID|ADDRESS", help="whose policy; default nobody's")
    parser.add_argument("--at", metavar="ISO8601", help="when; default now")
    parser.add_argument("--channel", choices=CHANNELS, default="dns")
    parser.add_argument(
        "--qtype", default="A", metavar="T", help="default A; what a block is answered with depends on it"
    )
    parser.add_argument("--json", action="store_true", help="one object a line")


def run(args: argparse.Namespace) -> int:
    at_s = int(time.time()) if args.at is None else _instant(args.at)
    is_all_good = True
    with tempfile.TemporaryDirectory(prefix="filterd-") as folder:
        tables, address = _for_subscriber(
            open_tables(args.lists, args.images, Path(folder)), args.subscriber, Path(folder)
        )
        for given in args.names or _stdin_lines():
            try:
                found = explain_text(tables, given, address, at_s, args.channel)
                if args.channel == "dns":
                    found["answer"] = dns_answer(found["action"], args.qtype.upper())
            except BadName as reason:
                is_all_good = False
                found = {"input": given, "canonical": None, "error": str(reason)}
            print(json.dumps(found) if args.json else _line(found))
    return 0 if is_all_good else 1


def open_tables(lists: Iterable[str], images: Path | None, folder: Path) -> TableSet:
    """Tables of lists compiled into `folder`, or else of the images of a directory.   Raises WrongUse, Missing."""
    texts = list(lists)
    if not texts:
        manifest = (images or IMAGES_DIR) / "current.json"
        try:
            return TableSet.open(manifest)
        except FileNotFoundError as reason:
            raise Missing(f"{manifest}: not there; nothing looked up; give --list SOURCE or --images DIR") from reason
        except (BadImage, ValueError, OSError) as reason:
            raise Missing(f"{manifest}: {reason}") from reason
    if images:
        raise WrongUse("--list and --images: one of the two")
    try:
        sources = [parse_source(text) for text in texts]
        with progress_bar() as progress:
            report = compile_sources(sources, folder, secrets.token_bytes(16), 1, progress)
    except (BadList, BadSource) as reason:
        raise WrongUse(str(reason)) from reason
    if report.n_skipped:
        print(f"{report.n_skipped} lines not enforced; filterd compile tells which", file=sys.stderr)
    return TableSet(open_image(report.path, ImageKind.NAMES))


# ----------------------------------------------------------------------------------------------------------------------


def _for_subscriber(tables: TableSet, said: str | None, folder: Path) -> tuple[TableSet, str | None]:
    """The tables and the address to ask them with."""
    if said is None:
        return tables, None
    if not said.isdecimal():
        try:
            return tables, str(ipaddress.ip_address(said))
        except ValueError as reason:
            raise WrongUse(f"--subscriber {said!r}: neither a number nor an address") from reason
    everybody = folder / "everybody.img"
    with everybody.open("wb") as out:
        pack_subscribers(out, 1, 0, [("0.0.0.0/0", int(said))])
    names, names_delta, _, _, policy, policy_delta = tables.images
    return TableSet(
        names, names_delta, open_image(everybody, ImageKind.SUBSCRIBERS), None, policy, policy_delta
    ), "192.0.2.1"


def _instant(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError as reason:
        raise WrongUse(f"--at {text!r}: not an instant; write 2026-11-24T21:30:00+05:00") from reason


def _stdin_lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")


def _line(found: dict[str, object]) -> str:
    if found["canonical"] is None:
        return f"{found['input']}: {found['error']}"
    why = f"reason {found['reason']}, list {found['list'] or '-'}, rule {found['rule'] or '-'}"
    return f"{found['canonical']}: {found['action']} ({why})"
