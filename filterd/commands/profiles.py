"""`filterd profiles list|show|put`: manage what lines close for their devices, over the API."""

import argparse
import json
import re
from typing import Any

from filterd.box.errors import WrongUse
from filterd.client.api_client import add_api_arguments, call, call_pages
from filterd.verbs import add_verb, add_verbs

EXAMPLE = """filterd profiles show 7
filterd profiles put 7 --category adult --category gambling --closed 'fri 21:30-06:30'"""
HOURS = re.compile(
    r"(?P<day>[a-z]{3}) (?P<from>[0-9]{2}:[0-9]{2})-(?P<to>[0-9]{2}:[0-9]{2})(?: but (?P<open>[a-z0-9,-]+))?"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    listed = add_verb(verbs, "list", "list the profiles of all lines", "filterd profiles list --json")
    show = add_verb(verbs, "show", "show the profile of one line", "filterd profiles show 7")
    put = add_verb(
        verbs, "put", "change the profile of a line; what is not said stays as it is", EXAMPLE.splitlines()[1]
    )
    for verb in (show, put):
        verb.add_argument("id", type=int, metavar="ID", help="of the line")
    categories = put.add_mutually_exclusive_group()
    categories.add_argument(
        "--category", action="append", dest="categories", metavar="NAME", help="close these alone; repeat for more"
    )
    categories.add_argument(
        "--no-category", action="store_const", const=[], dest="categories", help="close no category"
    )
    services = put.add_mutually_exclusive_group()
    services.add_argument(
        "--service", action="append", dest="services", metavar="NAME", help="close these alone; repeat for more"
    )
    services.add_argument("--no-service", action="store_const", const=[], dest="services", help="close no service")
    for option, kind in (("--allow", "allowed"), ("--deny", "denied")):
        names = put.add_mutually_exclusive_group()
        names.add_argument(
            option, action="append", dest=kind, metavar="NAME", help=f"sites {kind}, these alone; repeat for more"
        )
        names.add_argument(f"--no-{kind}", action="store_const", const=[], dest=kind, help=f"no site is {kind}")
    put.add_argument("--safe-search", choices=("off", "moderate", "strict"))
    put.add_argument("--youtube", choices=("off", "moderate", "strict"), help="YouTube's restricted mode")
    put.add_argument("--canaries", choices=("off", "on"), help="keep devices on this resolver")
    hours = put.add_mutually_exclusive_group()
    hours.add_argument(
        "--closed",
        action="append",
        metavar="'DAY FROM-TO'",
        help="close all traffic then, and at no other time: mon 21:30-06:30; all but some categories and services: "
        "'mon 16:00-18:00 but education'; repeat for more",
    )
    hours.add_argument("--never-closed", action="store_const", const=[], dest="closed", help="no schedule")
    put.add_argument("--zone", metavar="ZONE", help="time zone of the schedule, such as Asia/Karachi")
    for verb in (listed, show, put):
        add_api_arguments(verb)
        verb.add_argument("--json", action="store_true", help="the API's objects, one for each line")


def run(args: argparse.Namespace) -> int:
    match args.verb:
        case "list":
            profiles = call_pages(args, "profiles")
        case "show":
            profiles = iter([call(args, "GET", f"/v1/profiles/{args.id}")])
        case _:
            profiles = iter([call(args, "PATCH", f"/v1/profiles/{args.id}", _said(args))])
    for profile in profiles:
        print(json.dumps(profile) if args.json else _line(profile))
    return 0


def _said(args: argparse.Namespace) -> dict[str, Any]:
    said = {
        "categories": args.categories,
        "services": args.services,
        "allowed": args.allowed,
        "denied": args.denied,
        "safe_search": args.safe_search,
        "youtube": args.youtube,
        "canaries": None if args.canaries is None else args.canaries == "on",
        "closed": None if args.closed is None else [_hours(text) for text in args.closed],
        "zone": args.zone,
    }
    change = {key: value for key, value in said.items() if value is not None}
    if not change:
        raise WrongUse("put: no change is said; nothing done; see: filterd profiles put --help")
    return change


def _hours(text: str) -> dict[str, Any]:
    found = HOURS.fullmatch(text)
    if found is None:
        raise WrongUse(f"--closed {text!r}: not a day with hours; nothing done; write 'mon 21:30-06:30'")
    said = found.groupdict()
    stays_open = said.pop("open")
    return said if stays_open is None else said | {"open": stays_open.split(",")}


def _line(profile: dict[str, Any]) -> str:
    closes = ", ".join(profile["categories"] + profile["services"]) or "nothing"
    own = "".join(f"; {kind} {', '.join(profile[kind])}" for kind in ("allowed", "denied") if profile[kind])
    canaries = "on" if profile["canaries"] else "off"
    return (
        f"profile {profile['id']} {profile['label']}: closes {closes}{own}; safe search {profile['safe_search']}; "
        f"youtube {profile['youtube']}; canaries {canaries}; schedule: {profile['sentence']} ({profile['zone']})"
    )
