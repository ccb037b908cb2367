"""`filterd canon`: the canonical form of the names on stdin."""

import argparse
import json
import sys

from fastpath.name import to_text
from filterd.errors import WrongUse
from rules.canonical import canonical_octets
from rules.errors import BadName

EXAMPLE = "echo 'WWW.Example.Test.' | filterd canon --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", action="store_true", help="the lines are URLs (not in this version)")
    parser.add_argument("--json", action="store_true", help='{"in","canonical","error"} a line')


def run(args: argparse.Namespace) -> int:
    if args.url:
        raise WrongUse("--url: URLs come with the URL image of a later version; nothing read; give names")
    all_are_names = True
    for number, line in enumerate(sys.stdin.buffer, 1):
        given = line.rstrip(b"\r\n")
        canonical, fault = _canonical(given)
        all_are_names = all_are_names and fault is None
        if args.json:
            print(json.dumps({"in": given.decode("utf-8", "backslashreplace"), "canonical": canonical, "error": fault}))
        elif canonical is not None:
            print(canonical)
        else:
            print(f"stdin line {number}: {fault}; no output for it; write a host name", file=sys.stderr)
    return 0 if all_are_names else 1


def _canonical(given: bytes) -> tuple[str | None, str | None]:
    try:
        return to_text(canonical_octets(given)), None
    except BadName as reason:
        return None, str(reason)
