"""Words and records of a master file, for the formats that hold some.

Source: RFC 1035 §5.1.
"""

import re
from typing import NamedTuple

MAX_TTL_S = 2**31 - 1  # RFC 2181 §8

_MARKS = frozenset(b'";()')  # a line without any of them is its words
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s;"()]+|[()]|(;.*)')
# Possessive: digits that a unit may follow or not can be grouped in 2**n ways, and a hostile line would try them all.
_TTL_OR_CLASS = re.compile(rb"(?:\d++[SMHDW]?+)++|IN|CH|HS|ANY", re.IGNORECASE)
_TTL_PARTS = re.compile(rb"(\d{1,10})([SMHDW]?)", re.IGNORECASE)
_UNIT_S = {b"": 1, b"S": 1, b"M": 60, b"H": 3600, b"D": 86400, b"W": 604800}


class Record(NamedTuple):
    """What stands behind a record's owner."""

    rtype: bytes  # in capitals
    ttl_s: int
    words: tuple[bytes, ...]  # of the data, quotes included


def split_words(line: bytes) -> list[bytes] | None:
    """Split a line, parentheses and comments left out; None where a quote is not closed."""
    if _MARKS.isdisjoint(line):
        return line.split()
    tokens = _tokens(line)
    return None if tokens is None else [token for token in tokens if token not in (b"(", b")")]


def count_open(line: bytes) -> int:
    """How many parentheses a line leaves open; below 0: closes of those before."""
    if b"(" not in line and b")" not in line:
        return 0
    tokens = _tokens(line) or []
    return tokens.count(b"(") - tokens.count(b")")


def read_record(words: list[bytes], ttl_s: int) -> Record | None:
    """Read `[TTL] [class] type data…`; None where there is no type or no data.   ttl_s  without one of its own."""
    at = 0
    while at < len(words) and _TTL_OR_CLASS.fullmatch(words[at]):
        if words[at][:1].isdigit():
            ttl_s = parse_ttl(words[at])
        at += 1
    if len(words) - at < 2 or not words[at][:1].isalpha():
        return None
    return Record(words[at].upper(), ttl_s, tuple(words[at + 1 :]))


def parse_ttl(word: bytes) -> int:
    """Seconds of `300`, `5m` or `1h30m`; 0 for what is not one of these."""
    return min(sum(int(n) * _UNIT_S[unit.upper()] for n, unit in _TTL_PARTS.findall(word)), MAX_TTL_S)


def _tokens(line: bytes) -> list[bytes] | None:
    words = []
    at = 0
    text = line.rstrip()
    while at < len(text):
        if text[at : at + 1].isspace():
            at += 1
            continue
        found = _TOKENS.match(text, at)
        if found is None:
            return None
        if found[1] is None:
            words.append(found[0])
        at = found.end()
    return words
