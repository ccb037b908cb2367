"""JSON that is read piece by piece: what every JSON format shares.

The text is walked from the outside in: `members` of an object, `elements` of an array, and `value` where an element is
small enough to be held whole.  An element is decoded by the standard library's C scanner from a window of text, which
shows where it ends; so its line and column are known, which no event parser gives.

Invariants: one window of text is in memory, never more than MAX_ELEMENT_CHARACTERS and a block; regardless of the
octets, nothing but BadList is raised; a text that ends early is a BadList, so half a list is never taken for a whole
one.
A member that is there twice in one object counts as it stood last.
Source: RFC 8259.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, NoReturn

from rules.base.errors import BadList
from rules.base.lines import refuse_foreign
from rules.base.rule import SkippedLine, printable

BLOCK_OCTETS = 2**16
MAX_ELEMENT_CHARACTERS = 2**20  # of an entry; the largest that feeds publish are some 100 KB
MAX_DEPTH = 64  # of arrays and objects inside of each other; the formats need 6
MAX_ROWS = 5_000_000  # of one list

ENDS_EARLY = "the text ends before the list does"

# A value that is cut by the window's end fails no farther from it (\ud83d\ud83d, -Infinity); a string, where it begins
_CUT_WITHIN = 32
_UNTERMINATED = "Unterminated string"
# A number that is cut reads as a shorter one: 1 of 1e+5, whose rest in the window is at most two characters
_NUMBER_GOES_ON = 3
_NUMBER = "-0123456789"

_INK = re.compile(r"[^ \t\r\n]")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


class Place(NamedTuple):
    """Where something stands."""

    line: int  # from 1
    column: int  # from 1, in octets


class Elements:
    """One JSON text, and a place in it."""

    def __init__(self, octets: Iterable[bytes]) -> None:
        """octets  an open binary file, or blocks or lines of one."""
        self._blocks = _blocks_of(octets)
        self._decode_octets = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._decode_json = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
        self._text = ""
        self._at = 0
        self._is_whole = False  # there is no more text behind the window
        self._depth = 0
        self._n_elements = 0
        self._told = 0  # up to here of the window, _line and _column are known
        self._line, self._column = 1, 1
        self._begin()

    def place(self) -> Place:
        """Where the next value stands."""
        self._peek()
        return self._place_of(self._at)

    def kind(self) -> str:
        """The first character of the next value; empty at the end of the text."""
        return self._peek()

    def members(self) -> Iterator[str]:
        """The keys of the object that is here; what the caller leaves of a member's value is passed over."""
        self._enter("{")
        while self._next_item("}"):
            key = self.value()
            if not isinstance(key, str):
                self.refuse("a key that is not text")
            if self._peek() != ":":
                self.refuse("no colon after a key")
            self._at += 1
            self._peek()
            yield from self._leaving_nothing(key)
        self._depth -= 1

    def elements(self) -> Iterator[Place]:
        """The places of the elements of the array that is here; what the caller leaves of one is passed over."""
        self._enter("[")
        while self._next_item("]"):
            self._n_elements += 1
            if self._n_elements > MAX_ROWS:
                self.refuse(f"more than {MAX_ROWS:,} entries", "split it into several lists")
            yield from self._leaving_nothing(self.place())
        self._depth -= 1

    def value(self) -> Any:
        """The whole value that is here."""
        self._peek()
        while True:
            try:
                found, end = self._decode_json(self._text, self._at)
            except json.JSONDecodeError as exc:
                is_cut = exc.pos > len(self._text) - _CUT_WITHIN or exc.msg.startswith(_UNTERMINATED)
                if is_cut and self._more():
                    continue
                is_early = exc.pos >= len(self._text) or exc.msg.startswith(_UNTERMINATED)
                raise _bad(self._place_of(exc.pos), ENDS_EARLY if is_early else _named(exc.msg)) from None
            except RecursionError:
                self.refuse(f"nested deeper than {MAX_DEPTH}")
            except ValueError as exc:  # a number of thousands of digits, NaN
                self.refuse(str(exc).partition(";")[0].lower())
            if end > len(self._text) - _NUMBER_GOES_ON and self._text[self._at] in _NUMBER and self._more():
                continue
            if self._is_too_deep(end):
                self.refuse(f"nested deeper than {MAX_DEPTH}")
            self._at = end
            return found

    def skip(self) -> None:
        """Pass over the value that is here, however large it is."""
        kind = self._peek()
        if kind == "{":
            for _key in self.members():
                self.skip()
        elif kind == "[":
            self._enter("[")
            while self._next_item("]"):
                self.skip()
            self._depth -= 1
        else:
            self.value()

    def end(self) -> None:
        """Refuse anything behind the value."""
        if self._peek():
            self.refuse("more text after the list's end")

    def refuse(self, found: str, what_to_do: str = "check what the source delivers") -> NoReturn:
        """Raise BadList for the whole list at this place."""
        raise _bad(self.place(), found, what_to_do)

    # ------------------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._more()
        self._text = self._text.removeprefix("\ufeff")
        refuse_foreign(1, self._text[:64].encode("utf-8", "surrogateescape"))

    def _leaving_nothing(self, item: Any) -> Iterator[Any]:
        """Yield `item` and pass over the value, if the caller has not moved."""
        before = self._text, self._at
        yield item
        if before[1] == self._at and before[0] is self._text:
            self.skip()

    def _enter(self, bracket: str) -> None:
        if self._peek() != bracket:
            what = "object" if bracket == "{" else "array"
            self.refuse(f"no {what} where one belongs" if self._peek() else ENDS_EARLY)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.refuse(f"nested deeper than {MAX_DEPTH}")
        self._at += 1
        self._is_first = True

    def _next_item(self, bracket: str) -> bool:
        """Step over a comma or the closing bracket; say whether an item follows."""
        is_first, self._is_first = self._is_first, False
        found = self._peek()
        if found == bracket:
            self._at += 1
            return False
        if is_first:
            return True
        if found != ",":
            self.refuse(ENDS_EARLY if not found else "no comma between two items")
        self._at += 1
        if self._peek() == bracket:
            self.refuse("a comma after the last item")
        return True

    def _peek(self) -> str:
        """Step over white space; the character there, empty at the end of the text."""
        while True:
            found = _INK.search(self._text, self._at)
            if found is not None:
                self._at = found.start()
                return found[0]
            self._at = len(self._text)
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Add a block to the window and release what has been read."""
        if self._is_whole:
            return False
        if len(self._text) - self._at > MAX_ELEMENT_CHARACTERS:
            raise _bad(self._place_of(self._at), f"an entry longer than {MAX_ELEMENT_CHARACTERS >> 10} KiB")
        self._place_of(self._at)
        block = next(self._blocks, b"")
        self._is_whole = not block
        self._text = self._text[self._at :] + self._decode_octets(block, self._is_whole)
        self._at = self._told = 0
        return True

    def _place_of(self, at: int) -> Place:
        """The place of a character of the window; remembered if it is the one that is read next."""
        passed = self._text[self._told : at]
        n_lines = passed.count("\n")
        column = self._column if not n_lines else 1
        rest = passed[passed.rfind("\n") + 1 :] if n_lines else passed
        column += len(rest) if rest.isascii() else len(rest.encode("utf-8", "surrogateescape"))
        if at == self._at:
            self._told, self._line, self._column = at, self._line + n_lines, column
            return Place(self._line, column)
        return Place(self._line + n_lines, column)

    def _is_too_deep(self, end: int) -> bool:
        """Whether the value that ends at `end` is nested too deep; counted only where there are brackets enough."""
        room = MAX_DEPTH - self._depth
        opened = self._text.count("[", self._at, end) + self._text.count("{", self._at, end)
        if opened <= room:
            return False
        depth = 0
        for found in _BRACKETS.finditer(self._text, self._at, end):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
            if depth > room:
                return True
        return False


def skipped_at(place: Place, value: object, reason: str) -> SkippedLine:
    """Report the entry at `place` as not enforced.   value  of the entry: what a person knows it by."""
    text = value if isinstance(value, str) else json.dumps(value)[:1024]
    return SkippedLine(*place, printable(text[:1024].encode("utf-8", "surrogatepass")), reason)


def parse_time(text: str) -> datetime:
    """An RFC 3339 time with its zone.   Raises ValueError, TypeError for what is not one."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _blocks_of(octets: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of an open file, regardless of its lines; anything else as it comes, without empty ones."""
    read = getattr(octets, "read", None)
    return filter(None, octets) if read is None else iter(partial(read, BLOCK_OCTETS), b"")


def _bad(place: Place, found: str, what_to_do: str = "check what the source delivers") -> BadList:
    return BadList(f"line {place.line}, column {place.column}: {found}; not read; {what_to_do}")


def _named(message: str) -> str:
    """The scanner's words in our grammar."""
    return "not JSON, " + message[:1].lower() + message[1:].removesuffix(" at")


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")
