"""Parsers of commands and of their verbs: each has a help of its own, with an example.

Help, completion (`filterd completion`), docs/reference/commands.md and the manual page are made from these parsers.
"""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Parsers = argparse._SubParsersAction[argparse.ArgumentParser]

EXAMPLE = "example:\n"
MOST = 2**63 - 1  # of what a database counts


def add_verbs(parser: argparse.ArgumentParser) -> "Parsers":
    """Where the verbs of a command are added; one of them must be given."""
    return parser.add_subparsers(dest="verb", metavar="VERB", required=True)


def add_verb(verbs: "Parsers", name: str, purpose: str, example: str) -> argparse.ArgumentParser:
    """The parser of a verb, or of a command.   example: command lines, one a line"""
    return verbs.add_parser(
        name,
        help=purpose,
        description=purpose[0].upper() + purpose[1:] + ".",
        epilog=EXAMPLE + "\n".join(f"  {line}" for line in example.splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def number(text: str) -> int:
    """The number of something that the database has, for argparse."""
    if not text.isdecimal() or len(text) > len(str(MOST)) or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no number of one; write 1 to {MOST}")
    return int(text)


def examples_of(parser: argparse.ArgumentParser) -> list[str]:
    """The command lines that a parser's help shows."""
    return [line.strip() for line in (parser.epilog or "").removeprefix(EXAMPLE).splitlines()]
