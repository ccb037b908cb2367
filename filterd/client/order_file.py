"""`filterd orders import`: the file that comes with a letter, as it is, over the API."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from filterd.box.errors import WrongUse
from filterd.client.api_client import iter_pages, send_file
from mgmt.contract.shapes import MAX_ORDER_OCTETS, MAX_WAIT_S

MAX_SHOWN = 20  # rows that are no entries
DATES = ("corrects", "review", "expires")
FIELDS = ("issuer", "ref", "ground", "scope", "deadline", *DATES, "encoding")


def add_import_arguments(verb: argparse.ArgumentParser) -> None:
    """The arguments of `filterd orders import`."""
    verb.add_argument("file", type=Path, metavar="FILE")
    verb.add_argument("--issuer", required=True)
    verb.add_argument("--ground", required=True, help="the legal ground")
    verb.add_argument("--ref", help="the order's reference; default: the letter that all rows name")
    verb.add_argument("--scope", choices=("exact", "subtree"), help="default: subtree")
    verb.add_argument("--deadline", metavar="TIME", help="by when it is to be in force: 2026-08-04T16:00:00+05:00")
    add_dates(verb)
    verb.add_argument("--emergency", action="store_true", help="lapses after 4 hours, unless two persons approve it")
    verb.add_argument("--encoding", choices=("utf-8", "utf-16", "windows-1256"), help="of a text; default: it is found")


def add_dates(verb: argparse.ArgumentParser) -> None:
    """What an order may say of another, and of its own days."""
    verb.add_argument("--corrects", metavar="REF", help="the issuer's order that this one replaces as a whole")
    verb.add_argument("--review", metavar="DAY", help="from then on it is to be looked at again, such as 2027-06-01")
    verb.add_argument("--expires", metavar="DAY", help="the last day on which it is in force")
    verb.add_argument("--shadow", action="store_true", help="count what it would block, until two persons let it in")


def run_import(args: argparse.Namespace) -> int:
    """Send the file; 1 where a row of it is not enforced yet."""
    said = {field: getattr(args, field) for field in FIELDS if getattr(args, field) is not None}
    said |= {name: "true" for name in ("emergency", "shadow") if getattr(args, name)}
    order = send_file(args, f"/v1/order-files?wait={MAX_WAIT_S}", said, args.file.name, _octets_of(args.file))
    rows = [order, *iter_pages(args, f"/v1/orders/id/{order['id']}", order["next"])]
    if args.json:
        for page in rows:
            print(json.dumps(page))
    else:
        _show(rows)
    if "detail" in order:
        print(f"import: {order['detail']}", file=sys.stderr)
    return 0 if order["state"] == "enforced" else 1


def _octets_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_ORDER_OCTETS)
    except OSError as reason:
        raise WrongUse(f"{path}: {reason.strerror}; nothing pushed; name a file") from reason
    if len(octets) == MAX_ORDER_OCTETS:
        raise WrongUse(f"{path}: larger than {MAX_ORDER_OCTETS >> 20} MiB; nothing pushed; give it as a list")
    return octets


def _show(pages: list[dict[str, Any]]) -> None:
    """The order in a line, and the first rows that are no entries."""
    order = pages[-1]
    counts = ", ".join(f"{n} {status}" for status, n in order["counts"].items())
    file = order["file"]
    print(f"order {order['id']} {order['issuer']} {order['ref']}: {order['state']} ({counts})")
    print(f"  {file['name']}: {file['encoding']}, {file['octets']} octets, sha256 {file['sha256']}")
    bad = [each for page in pages for each in page["entries"] if each["reason"]]
    for each in bad[:MAX_SHOWN]:
        print(f"  {each['place']}: {each['value']}: {each['status']}, {each['reason']}")
    if len(bad) > MAX_SHOWN:
        print(f"  and {len(bad) - MAX_SHOWN} more: filterd orders show {order['id']}")
