"""`filterd audit pull`: export the records of blocks, over the API."""

import argparse
import shutil
import sys
from urllib.parse import urlencode

from filterd.lookup.api_client import add_api_arguments, open_answer
from filterd.verbs import add_verb, add_verbs

EXAMPLE = "filterd audit pull --since 2026-11-24T00:00:00+05:00 --format csv > blocks.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    pull = add_verb(verbs, "pull", "records of blocks, streamed to stdout", EXAMPLE)
    pull.add_argument("--since", metavar="ISO8601", help="default: from the first record")
    pull.add_argument("--until", metavar="ISO8601", help="default: until now")
    pull.add_argument("--format", choices=("ndjson", "csv"), default="ndjson", help="default: ndjson")
    add_api_arguments(pull)


def run(args: argparse.Namespace) -> int:
    asked = {"since": args.since, "until": args.until, "format": args.format}
    query = urlencode({key: value for key, value in asked.items() if value is not None})
    with open_answer(args, "GET", f"/v1/audit/blocks?{query}") as answer:
        shutil.copyfileobj(answer, sys.stdout.buffer)
    return 0
