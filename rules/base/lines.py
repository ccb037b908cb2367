"""What every list format shares: the first look at a file, and the faults that a line has in any format.

Invariants: nothing is read twice, nothing is kept; the first look costs nothing per line.
"""

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from rules.base.errors import BadList

MAX_LINE_OCTETS = 2048  # the longest URL that every browser takes
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
HTML_STARTS = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml")
# U+202A to U+202E and U+2066 to U+2069 turn the direction of writing: a person approves something else than is read
DIRECTION_MARKS = tuple(chr(c).encode() for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))

_COMMENT = re.compile(rb"(?:^|\s)#.*", re.DOTALL)

LINE_TOO_LONG = "the line is longer than 2048 octets"
HAS_NUL = "the line holds a NUL octet"
HAS_DIRECTION_MARK = "the line holds a mark that turns the direction of writing"


def open_list(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Look at the first line that is not blank, take a byte order mark off, and give all lines.

    Raises BadList for a page or a UTF-16 file instead of a list."""
    rest = iter(lines)
    head: list[bytes] = []
    for line in rest:
        head.append(line.removeprefix(UTF8_MARK) if not head else line)
        if head[-1].strip():
            refuse_foreign(len(head), head[-1])
            break
    return itertools.chain(head, rest)


def refuse_foreign(number: int, line: bytes) -> None:
    """Raise BadList for a file that begins with `line` and is a page or in UTF-16."""
    if line.startswith(UTF16_MARKS):
        raise BadList(f"line {number}: the file is UTF-16; not read; save it as UTF-8")
    if line.lstrip()[:16].lower().startswith(HTML_STARTS):
        raise BadList(f"line {number}: a web page instead of a list; not read; check what the source delivers")


def join_lines(
    lines: Iterator[tuple[int, bytes]],
    opens: Callable[[bytes], int],
    is_open: Callable[[int], bool],
    most: int,
    mark: bytes = b"",
) -> Iterator[tuple[int, bytes]]:
    """Join (number, line) pairs that are one record, under the first one's number.

    opens     what a line adds to the record's balance;   is_open  whether a record of this balance goes on (0 never)
    most      lines that one record may take; a record that is open after them is given back line by line
    mark      what every line holds that opens a record
    Cost: each line is weighed once."""
    weighed = ((number, line, opens(line)) for number, line in lines)
    waiting: deque[tuple[int, bytes, int]] = deque()
    while True:
        if waiting:
            number, line, balance = waiting.popleft()
        else:
            for number, line in lines:  # nearly every line is a record, and comes no farther than here
                balance = opens(line) if mark in line else 0
                if balance and is_open(balance):
                    break
                yield number, line
            else:
                return
        if not balance or not is_open(balance):
            yield number, line
            continue
        taken: list[tuple[int, bytes, int]] = []
        while is_open(balance) and len(taken) < most:
            following = waiting.popleft() if waiting else next(weighed, None)
            if following is None:
                break
            taken.append(following)
            balance += following[2]
        if is_open(balance):
            waiting.extendleft(reversed(taken))
            yield number, line
        else:
            yield number, b"".join((line, *(more for _, more, _ in taken)))


def without_comment(line: bytes) -> bytes:
    """A line without its comment, whose `#` stands at its start or behind a blank; another `#` begins a fragment."""
    return _COMMENT.sub(b"", line).strip()


def fault_of(line: bytes) -> tuple[int, str] | None:
    """The column and reason for which no format may take `line`, if there is one."""
    if len(line.rstrip()) > MAX_LINE_OCTETS:
        return MAX_LINE_OCTETS + 1, LINE_TOO_LONG
    if b"\0" in line:
        return line.index(b"\0") + 1, HAS_NUL
    for mark in DIRECTION_MARKS if not line.isascii() else ():
        if mark in line:
            return line.index(mark) + 1, HAS_DIRECTION_MARK
    return None
