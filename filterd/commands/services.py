"""`filterd services list`: what parents can close by its name, and the lists of domains that filterd brings for it."""

import argparse
import json
from typing import Any

from filterd.box.errors import WrongUse
from filterd.verbs import add_verb, add_verbs

EXAMPLE = """filterd services list
filterd services show youtube"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    listed = add_verb(
        verbs, "list", "every service: its names, its category, its picture", "filterd services list --json"
    )
    show = add_verb(verbs, "show", "one service with its domains", "filterd services show youtube")
    show.add_argument("service", metavar="SERVICE")
    for verb in (listed, show):
        verb.add_argument("--json", action="store_true", help="one object for each line")


def run(args: argparse.Namespace) -> int:
    from filterd.config.kinds import nearest
    from rules.lists.catalogue import services

    known = services()
    if args.verb == "list":
        for each in known:
            _print(each, args.json, with_domains=False)
        return 0
    if args.service not in known:
        raise WrongUse(f"{args.service}: no such service; nothing shown; write {nearest(args.service, list(known))}")
    _print(args.service, args.json, with_domains=True)
    return 0


def _print(name: str, is_json: bool, with_domains: bool) -> None:
    said = _said(name)
    if is_json:
        print(json.dumps(said, ensure_ascii=False))
        return
    n = len(said["domains"])
    print(f"{name:<14} {said['category']:<12} {said['picture']:<12} {n:>3} domains  {said['en']}  {said['ur']}")
    if with_domains:
        print("\n".join(f"  {domain}" for domain in said["domains"]))


def _said(name: str) -> dict[str, Any]:
    from mgmt.text.catalogue import catalogue
    from rules.lists.catalogue import domains_of, services

    service, message = services()[name], f"category.{name}"
    return {
        "service": name,
        "number": service.number,
        "category": service.category,
        "picture": service.picture,
        "en": catalogue("en").texts[message],
        "ur": catalogue("ur").texts[message],
        "domains": domains_of(service),
    }
