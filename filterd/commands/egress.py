"""`filterd egress`: the addresses from which this operator's gateways ask DNS, signed, over the API."""

import argparse
import sys

from filterd.client.api_client import add_api_arguments, read_answer

EXAMPLE = "filterd egress > dns-sources.json\nfilterd egress --format csv > dns-sources.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("json", "csv"), default="json", help="json: as it was signed")
    add_api_arguments(parser)


def run(args: argparse.Namespace) -> int:
    sys.stdout.buffer.write(read_answer(args, f"/v1/dns-sources?format={args.format}"))
    return 0
