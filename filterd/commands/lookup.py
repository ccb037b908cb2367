"""`filterd lookup NAME|ADDRESS|URL...`: show the decision for a name, and why; made as in the workers."""

import argparse
import ipaddress
import json
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from filterd.box.errors import WrongUse
from filterd.images.explain.bulk import BulkQuery
from filterd.images.explain.explain import CHANNELS
from filterd.images.explain.line_io import line_batches
from filterd.images.explain.open_tables import IMAGES_DIR, open_attributed
from parental.policy.compile import write_one_for_all
from parental.policy.subscriber import MAX_ID

EXAMPLE = "filterd lookup www.example.test --list pta.csv,tier=order --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME|ADDRESS|URL",
        help="name, address (judges an answer that leads to it) or URL; none: one for each line on stdin",
    )
    parser.add_argument(
        "--list",
        action="append",
        default=[],
        dest="lists",
        metavar="SOURCE",
        help="judge by this list; repeat for more",
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help=f"judge by the images in DIR (default without --list: {IMAGES_DIR})"
    )
    parser.add_argument(
        "--subscriber",
        metavar="ID|ADDRESS",
        help="whose policy applies: the number of a profile, a line's or a child's; default: no one's",
    )
    parser.add_argument("--at", metavar="ISO8601", help="the time to judge for; default: now")
    parser.add_argument("--channel", choices=CHANNELS, help="default: dns for a name, http for a URL")
    parser.add_argument(
        "--qtype", default="A", metavar="T", help="default: A; the answer to a blocked query depends on it"
    )
    parser.add_argument("--json", action="store_true", help="one object for each line")


def run(args: argparse.Namespace) -> int:
    at_s = int(time.time()) if args.at is None else _instant(args.at)
    with tempfile.TemporaryDirectory(prefix="filterd-") as folder:
        opened, attribution = open_attributed(args.lists, args.images, Path(folder))
        tables, address = _for_subscriber(opened, args.subscriber, Path(folder))
        tables = tables if args.lists else tables.public()
        tell = json.dumps if args.json else _line
        asking = BulkQuery(tables, address, at_s, args.channel, args.qtype.upper(), tell, attribution)
        for lines in [list(map(os.fsencode, args.names))] if args.names else line_batches(sys.stdin.buffer):
            sys.stdout.write(asking.answers(lines))
            sys.stdout.flush()
    return 1 if asking.n_refused else 0


# ----------------------------------------------------------------------------------------------------------------------


def _for_subscriber(tables: TableSet, said: str | None, folder: Path) -> tuple[TableSet, str | None]:
    """The tables, and the client address to judge by."""
    if said is None:
        return tables, None
    if not said.isdecimal():
        try:
            return tables, str(ipaddress.ip_address(said))
        except ValueError as reason:
            raise WrongUse(
                f"--subscriber {said!r}: neither a number nor an address; nothing looked up; write 7 or 192.0.2.7"
            ) from reason
    if len(said) > len(str(MAX_ID)) or not 1 <= int(said) <= MAX_ID:
        raise WrongUse(f"--subscriber {said:.40}: no number of one; nothing looked up; write 1 to {MAX_ID}")
    everybody = folder / "all.img"
    with everybody.open("wb") as out:
        write_one_for_all(out, int(said))
    names, names_delta, _, _, policy, policy_delta, urls, urls_delta, _, policy_young = tables.images
    subscribers = open_image(everybody, ImageKind.SUBSCRIBERS)
    found = TableSet(
        names, names_delta, subscribers, None, policy, policy_delta, urls, urls_delta, policy_young=policy_young
    )
    return found, "192.0.2.1"


def _instant(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError as reason:
        raise WrongUse(
            f"--at {text!r}: not a date and time; nothing looked up; write 2026-11-24T21:30:00+05:00"
        ) from reason


def _line(found: dict[str, object]) -> str:
    if found["canonical"] is None:
        return f"{found['input']}: {found['error']}"
    why = f"reason {found['reason']}, list {found['list'] or '-'}, rule {found['rule'] or '-'}"
    shadow = f"; list {found['shadow']} would block it" if found["shadow"] else ""
    return f"{found['canonical']}: {found['action']} ({why}){shadow}"
