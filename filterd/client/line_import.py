"""The import of lines: batches of a file to the API, and what became of each row.

Invariants: rows that share addresses with a line that comes later in the file are tried once more when all others are
in; nothing is published before the last batch, and that one is sent no matter what becomes of the others.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from filterd.box.errors import WrongUse
from filterd.client.api_client import call
from filterd.client.line_file import BATCH_OCTETS, BATCH_ROWS, Row, batches, is_csv_file

PATH = "/v1/provisioning"
MAX_RETRIED = 10_000  # rows that are kept for a second try: some 10 MB
MAX_SHOWN = 100  # refused rows in words; --json shows all
SHARED = "shares addresses"


class _Import:
    """One import.   counts  of rows by what became of them"""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.counts = dict.fromkeys(("new", "changed", "same", "refused"), 0)
        self._again: list[Row] = []

    def run(self, file: BinaryIO, is_csv: bool) -> None:
        for rows in batches(file, is_csv, self._refuse):
            self._send(rows, retries=True)
        again, self._again = self._again, []
        for rows in _chunks(again):
            self._send(rows, retries=False)
        self._call([], more=False)

    def _send(self, rows: list[Row], retries: bool) -> None:
        told = self._call([row.said for row in rows], more=True)
        for key in ("new", "changed", "same"):
            self.counts[key] += told[key]
        for refusal in told["refused"]:
            row = rows[refusal["row"]]
            if retries and SHARED in refusal["detail"] and len(self._again) < MAX_RETRIED:
                self._again.append(row)
            else:
                self._refuse(row.number, refusal["detail"])

    def _call(self, rows: list[dict[str, Any]], more: bool) -> Any:
        return call(self._args, "POST", PATH, {"rows": rows, "more": more})

    def _refuse(self, number: int, why: str) -> None:
        self.counts["refused"] += 1
        if self._args.json:
            print(json.dumps({"row": number, "refused": why}))
        elif self.counts["refused"] <= MAX_SHOWN:
            print(f"row {number}: {why}")


def import_lines(args: argparse.Namespace) -> int:
    """Import the lines of a file; 1 where a row was refused.   Raises ApiRefusal, MissingPart, WrongUse."""
    is_stdin = str(args.file) == "-"
    if is_stdin and args.format is None:
        raise WrongUse("-: of what kind stdin is, its name does not say; nothing done; give --format csv or ndjson")
    is_csv = args.format == "csv" if args.format else is_csv_file(args.file)
    done = _Import(args)
    with _opened(args, is_stdin) as file:
        done.run(file, is_csv)
    _tell(args, done.counts)
    return 1 if done.counts["refused"] else 0


@contextmanager
def _opened(args: argparse.Namespace, is_stdin: bool) -> Iterator[BinaryIO]:
    if is_stdin:
        yield sys.stdin.buffer
        return
    with args.file.open("rb") as file:
        yield file


def _tell(args: argparse.Namespace, counts: dict[str, int]) -> None:
    if args.json:
        print(json.dumps(counts))
        return
    if counts["refused"] > MAX_SHOWN:
        print(f"and {counts['refused'] - MAX_SHOWN} more refused; --json shows all")
    print(", ".join(f"{n} {key}" for key, n in counts.items()))


def _chunks(rows: list[Row]) -> Iterator[list[Row]]:
    """Rows as the API takes them at once; all were of some batch before."""
    waiting = iter(rows)
    largest = max((row.octets for row in rows), default=1)
    n_rows = max(1, min(BATCH_ROWS, BATCH_OCTETS // max(largest, 1)))
    while chunk := list(itertools.islice(waiting, n_rows)):
        yield chunk
