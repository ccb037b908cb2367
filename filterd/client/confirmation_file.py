"""`filterd orders confirm --format`: takes the signed confirmation of an order over the API, into a file."""

import argparse
import sys
from pathlib import Path

from filterd.box.errors import WrongUse
from filterd.client.api_client import copy_answer, with_query
from rules.base.atomic_file import writing_whole

FORMS = ("json", "csv", "xlsx", "pdf")


def add_confirmation(confirm: argparse.ArgumentParser) -> None:
    """Its arguments."""
    confirm.add_argument("--format", choices=FORMS, help="the signed confirmation, once the traffic has verified it")
    confirm.add_argument(
        "--sha256", metavar="DIGEST", help="of a statement that you have: refused once it is superseded"
    )
    confirm.add_argument("--output", type=Path, metavar="FILE", help="where it is written; default: stdout")


def take_confirmation(args: argparse.Namespace, path: str) -> None:
    """Write it.   path  of the API.   Raises ApiRefusal, MissingPart, WrongUse."""
    path = with_query(path, {"format": args.format, "sha256": args.sha256})
    if args.output is None:
        copy_answer(args, path, sys.stdout.buffer)
        return
    try:
        with writing_whole(args.output) as file:
            copy_answer(args, path, file)
    except OSError as reason:
        raise WrongUse(f"--output {args.output}: {reason.strerror}; nothing written; name another file") from reason
