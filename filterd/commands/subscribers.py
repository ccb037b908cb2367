"""`filterd subscribers put|import|list|show|pause|resume|delete`: manage subscribers and their locks, over the API."""

import argparse
import json
from pathlib import Path
from typing import Any

from filterd.client.api_client import add_api_arguments, call, call_pages
from filterd.client.line_import import import_lines
from filterd.verbs import add_verb, add_verbs

EXAMPLE = """filterd subscribers put 7 --label 'Flat 3' --prefix 192.0.2.7/32 --prefix 2001:db8:7::/56 --category adult
filterd subscribers pause 7 --minutes 30"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    put = add_verb(
        verbs,
        "put",
        "create a line, or give it another label and other prefixes; what is not said stays as it is",
        "filterd subscribers put 7 --label 'Flat 3' --prefix 192.0.2.7/32 --category adult",
    )
    put.add_argument("id", type=int, metavar="ID")
    put.add_argument("--label", required=True)
    put.add_argument("--prefix", action="append", default=[], dest="prefixes", metavar="PREFIX", help="repeat for more")
    put.add_argument(
        "--category",
        action="append",
        dest="categories",
        metavar="NAME",
        help="block this category; repeat for more; unchanged if omitted",
    )
    put.add_argument("--safe-search", choices=("off", "moderate", "strict"), help="unchanged if omitted")
    put.add_argument("--canaries", choices=("off", "on"), help="keep devices on this resolver; unchanged if omitted")
    bulk = add_verb(
        verbs,
        "import",
        "create and change lines from a file; what parents wish stays, and bad rows are listed by number",
        "filterd subscribers import lines.csv",
    )
    columns = "id,label,prefixes[,province,account], as CSV or NDJSON; - for stdin"
    bulk.add_argument("file", type=Path, metavar="FILE", help=columns)
    bulk.add_argument("--format", choices=("csv", "ndjson"), help="default: by the file's name")
    listed = add_verb(verbs, "list", "list all lines", "filterd subscribers list --json")
    others = {
        "show": add_verb(verbs, "show", "show one line", "filterd subscribers show 7"),
        "pause": add_verb(
            verbs, "pause", "block all traffic of the line now", "filterd subscribers pause 7 --minutes 30"
        ),
        "resume": add_verb(verbs, "resume", "end a pause; a schedule still applies", "filterd subscribers resume 7"),
        "delete": add_verb(verbs, "delete", "delete a line", "filterd subscribers delete 7"),
    }
    for verb in others.values():
        verb.add_argument("id", type=int, metavar="ID")
    others["pause"].add_argument("--minutes", type=int, metavar="N", help="default: until resumed")
    for verb in (put, bulk, listed, *others.values()):
        add_api_arguments(verb)
        verb.add_argument("--json", action="store_true", help="the API's objects, one for each line")


def run(args: argparse.Namespace) -> int:
    if args.verb == "list":
        _list(args)
        return 0
    if args.verb == "import":
        return import_lines(args)
    path = f"/v1/subscribers/{args.id}"
    match args.verb:
        case "put":
            found = call(args, "PUT", path, _said(args))
        case "show":
            found = call(args, "GET", path)
        case "pause":
            found = call(args, "POST", path + "/pause", {"minutes": args.minutes})
        case "resume":
            found = call(args, "POST", path + "/resume", {})
        case _:
            found = call(args, "DELETE", path)
    _show(args, found)
    return 0


def _said(args: argparse.Namespace) -> dict[str, Any]:
    said: dict[str, Any] = {"label": args.label, "prefixes": args.prefixes}
    if args.categories is not None:
        said["categories"] = args.categories
    if args.safe_search:
        said["safe_search"] = args.safe_search
    if args.canaries:
        said["canaries"] = args.canaries == "on"
    return said


def _list(args: argparse.Namespace) -> None:
    for found in call_pages(args, "subscribers"):
        _show(args, found)


def _show(args: argparse.Namespace, found: dict[str, Any]) -> None:
    if args.json:
        print(json.dumps(found))
    elif "deleted" in found:
        print(f"subscriber {found['id']}: deleted")
    else:
        state = found["state"] + (f" by {found['reason']}" if found["reason"] else "")
        print(
            f"subscriber {found['id']} {found['label']}: {state} now; schedule: {found['sentence']}; "
            f"{', '.join(found['prefixes'])}"
        )
