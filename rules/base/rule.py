"""A line of a list as a value: a rule, or the reason why it is skipped.

Invariants: a Rule's wire and a UrlRule's url are canonical; nothing a list holds disappears, it becomes a rule or a
SkippedLine.
Tuples instead of dataclasses: a list has a million lines and each becomes one of these for an instant.
"""

from typing import NamedTuple

from fastpath.images.verdict import Action, Mode

SAMPLE_CHARACTERS = 80  # of a refused line, in a report


class Rule(NamedTuple):
    """A rule of a list for a name."""

    wire: bytes  # canonical, root octet included
    mode: Mode
    action: Action  # NO_ACTION: the list's own
    line: int  # from 1
    order_ref: str | None = None  # the order's letter, as the list writes it
    data: bytes = b""  # of LOCAL_DATA: records to answer with, see rules.base.local_data
    part: str = ""  # of a list in several parts (a folder's files, a workbook's sheets): which one


class UrlRule(NamedTuple):
    """A rule of a list for a URL, narrower than its name."""

    url: bytes  # canonical, see rules.base.urls
    mode: Mode  # EXACT, or SUBTREE: also every path below, on segment boundaries
    action: Action
    line: int
    order_ref: str | None = None
    part: str = ""


class SkippedLine(NamedTuple):
    """A line, or one name of it, that is not enforced."""

    line: int  # from 1
    column: int  # from 1, in octets
    text: str  # the line, printable, cut to SAMPLE_CHARACTERS
    reason: str  # a fixed phrase, so that reports can count by it
    order_ref: str | None = None  # as of a Rule, where it can be read
    part: str = ""  # the last field, as of a Rule


def skipped(line_number: int, column: int, line: bytes, reason: str, order_ref: str | None = None) -> SkippedLine:
    """Report `line` as not enforced.   line  as read, any octets."""
    return SkippedLine(line_number, column, printable(line), reason, order_ref)


def printable(octets: bytes) -> str:
    """Make any octets fit to be shown in one line of a terminal: no control, no direction mark, not long."""
    text = octets[: 4 * SAMPLE_CHARACTERS].strip().decode("utf-8", "backslashreplace")[:SAMPLE_CHARACTERS]
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
