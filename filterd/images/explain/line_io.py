"""Lines in, lines out, for commands that are given a million of them.

Invariants: what has arrived is answered before more is waited for, so that a program can ask line by line over a pipe;
no line is lost, regardless of its length; memory: one read and the longest line.
"""

import json
from collections.abc import Callable, Iterator
from typing import BinaryIO

MAX_LINE_OCTETS = 2**20  # a file that has no lines is not kept in memory as a whole
READ_OCTETS = 2**18  # some 10,000 names: large enough that the cost of a read and a write vanishes


def line_batches(file: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of each read, without their ends; a line that a read has cut comes with the next one.

    Of a line that is longer than MAX_LINE_OCTETS, some octets are left out: it is longer than that still.
    file  a buffered one, as sys.stdin.buffer is"""
    read1: Callable[[int], bytes] = file.read1  # type: ignore[attr-defined]  # typeshed: not of every BinaryIO
    begun: list[bytes] = []
    while octets := read1(READ_OCTETS):
        head, end, rest = octets.rpartition(b"\n")
        if not end:
            if sum(map(len, begun)) <= MAX_LINE_OCTETS:
                begun.append(rest)
            continue
        yield _lines(b"".join([*begun, head]))
        begun = [rest] if rest else []
    if begun:
        yield _lines(b"".join(begun))


def json_text(text: str) -> str:
    """A JSON string.   Cost: a tenth of json.dumps() for text as most names and URLs are."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return json.dumps(text)


def _lines(octets: bytes) -> list[bytes]:
    lines = octets.split(b"\n")
    return [line.rstrip(b"\r") for line in lines] if b"\r" in octets else lines
