"""`filterd canon`: print the canonical form of the names or URLs on stdin."""

import argparse
import sys
from collections.abc import Callable

from filterd.images.explain.line_io import json_text, line_batches
from rules.base.canonical import canonical_text
from rules.base.errors import BadName
from rules.base.urls import canonical_url_octets

EXAMPLE = "echo 'WWW.Example.Test.' | filterd canon --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", action="store_true", help="the lines are URLs; prints host/path?query")
    parser.add_argument("--json", action="store_true", help='one {"in","canonical","error"} for each line')


def run(args: argparse.Namespace) -> int:
    canonical = _url if args.url else _name
    n_before = 0
    all_are_good = True
    for lines in line_batches(sys.stdin.buffer):
        if args.json:
            told, is_good = _objects(lines, canonical)
        else:
            told, is_good = _texts(lines, canonical, n_before, "URL" if args.url else "host name")
        sys.stdout.write(told)
        sys.stdout.flush()
        all_are_good = all_are_good and is_good
        n_before += len(lines)
    return 0 if all_are_good else 1


# ----------------------------------------------------------------------------------------------------------------------


def _name(line: bytes) -> str:
    return canonical_text(line)


def _url(line: bytes) -> str:
    return canonical_url_octets(line).decode("ascii")


def _objects(lines: list[bytes], canonical: Callable[[bytes], str]) -> tuple[str, bool]:
    """Print one JSON object for each line; return whether none is an error."""
    told = []
    is_good = True
    for line in lines:
        given = json_text(line.decode("utf-8", "backslashreplace"))
        try:
            told.append(f'{{"in": {given}, "canonical": {json_text(canonical(line))}, "error": null}}\n')
        except BadName as bad:
            told.append(f'{{"in": {given}, "canonical": null, "error": {json_text(bad.reason)}}}\n')
            is_good = False
    return "".join(told), is_good


def _texts(lines: list[bytes], canonical: Callable[[bytes], str], n_before: int, wanted: str) -> tuple[str, bool]:
    """Print the canonical forms; report the others on stderr.   n_before  lines of earlier batches"""
    told = []
    for number, line in enumerate(lines, n_before + 1):
        try:
            told.append(canonical(line) + "\n")
        except BadName as bad:
            print(f"stdin line {number}: {bad.reason}; no output for it; write a {wanted}", file=sys.stderr)
    return "".join(told), len(told) == len(lines)
