"""`filterd subscribers put|list|show|pause|resume|delete`: manage subscribers and their locks, over the API."""

import argparse
import json
from typing import Any

from filterd.lookup.api_client import add_api_arguments, call

EXAMPLE = """filterd subscribers put 7 --label 'Flat 3' --prefix 192.0.2.7/32 --prefix 2001:db8:7::/56 --category adult
filterd subscribers pause 7 --minutes 30"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    put = verbs.add_parser("put", help="create or replace a line; its schedule and pause are kept")
    put.add_argument("id", type=int, metavar="ID")
    put.add_argument("--label", required=True)
    put.add_argument("--prefix", action="append", default=[], dest="prefixes", metavar="PREFIX", help="repeat for more")
    put.add_argument(
        "--category",
        action="append",
        default=[],
        dest="categories",
        metavar="NAME",
        help="block this category; repeat for more",
    )
    put.add_argument("--safe-search", choices=("off", "moderate", "strict"), help="unchanged if omitted")
    put.add_argument("--canaries", choices=("off", "on"), help="keep devices on this resolver; unchanged if omitted")
    listed = verbs.add_parser("list", help="list all lines")
    others = {
        "show": verbs.add_parser("show", help="one line"),
        "pause": verbs.add_parser("pause", help="block all traffic of the line now"),
        "resume": verbs.add_parser("resume", help="end a pause; a schedule still applies"),
        "delete": verbs.add_parser("delete", help="delete a line"),
    }
    for verb in others.values():
        verb.add_argument("id", type=int, metavar="ID")
    others["pause"].add_argument("--minutes", type=int, metavar="N", help="default: until resumed")
    for verb in (put, listed, *others.values()):
        add_api_arguments(verb)
        verb.add_argument("--json", action="store_true", help="the API's objects, one for each line")


def run(args: argparse.Namespace) -> int:
    if args.verb == "list":
        _list(args)
        return 0
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
    said: dict[str, Any] = {"label": args.label, "prefixes": args.prefixes, "categories": args.categories}
    if args.safe_search:
        said["safe_search"] = args.safe_search
    if args.canaries:
        said["canaries"] = args.canaries == "on"
    return said


def _list(args: argparse.Namespace) -> None:
    after = 0
    while after is not None:
        page = call(args, "GET", f"/v1/subscribers?after={after}")
        for found in page["subscribers"]:
            _show(args, found)
        after = page["next"]


def _show(args: argparse.Namespace, found: dict[str, Any]) -> None:
    if args.json:
        print(json.dumps(found))
    elif "deleted" in found:
        print(f"subscriber {found['id']}: deleted")
    else:
        state = found["state"] + (f" by {found['reason']}" if found["reason"] else "")
        print(
            f"subscriber {found['id']} {found['label']}: {state}; {found['sentence']}; {', '.join(found['prefixes'])}"
        )
