"""Reading a JSON object field by field: each fault with its path, unknown keys with a suggestion.

Invariants: what a reader returns is of the stated type and inside the stated bounds.
"""

import difflib
import json
import re
from datetime import datetime
from typing import Any

from mgmt.errors import BadRequest, NotJson

MAX_TEXT_CHARACTERS = 500  # a reference, a ground, a reason: a sentence, not a document
MAX_KEY_CHARACTERS = 40  # that a suggestion is looked for; twice the longest key: its cost grows with the square

_SURROGATE = re.compile("[\ud800-\udfff]")


def sendable(text: str) -> str:
    """`text` with U+FFFD for every lone surrogate: one can be written in JSON, and nowhere else."""
    return _SURROGATE.sub("\ufffd", text)


def unfit(where: str, found: str, write: str) -> BadRequest:
    """The error for a field that cannot be taken."""
    return BadRequest(where, f"{where}: {found}; not taken; {write}")


def fields_of(body: bytes, *known: str) -> "Fields":
    """`body` as an object with no other keys than `known`.   Raises NotJson, BadRequest."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise NotJson("body", f"body: not JSON ({exc}); not taken; send an object") from exc
    return Fields("", said, known)


class Fields:
    """An object of a request; `where` is its path, '' for the body."""

    def __init__(self, where: str, said: object, known: tuple[str, ...]) -> None:
        if not isinstance(said, dict):
            raise unfit(where or "body", "not an object", "write {…}")
        self._where, self._said = where, said
        for key in said:
            if key not in known:
                if sendable(key) != key:
                    detail = f"{where or 'body'}: a key with half a surrogate pair; not taken; send Unicode text"
                    raise NotJson(where or "body", detail)
                raise unfit(self.path(key[:60]), "an unknown key", f"write {_nearest(key, known)}")

    def path(self, key: str) -> str:
        return f"{self._where}/{key}"

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self._said.get(key) is not None

    def text(self, key: str) -> str:
        """One line of text, 1 to 500 characters."""
        value = self._said.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_CHARACTERS or not value.isprintable():
            raise unfit(self.path(key), "not one line of text", f"write 1 to {MAX_TEXT_CHARACTERS} characters")
        return value

    def one_of(self, key: str, known: tuple[str, ...], default: str) -> str:
        value = self._said.get(key, default)
        if value not in known:
            raise unfit(self.path(key), f"{str(value)[:40]!r} is unknown", f"write one of {', '.join(known)}")
        return str(value)

    def truth(self, key: str) -> bool:
        """true or false; false where it is absent."""
        value = self._said.get(key, False)
        if not isinstance(value, bool):
            raise unfit(self.path(key), "neither true nor false", "write true or false")
        return value

    def whole_number(self, key: str, lowest: int, highest: int) -> int:
        value = self._said.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise unfit(self.path(key), "not a whole number in range", f"write {lowest} to {highest}")
        return value

    def instant(self, key: str) -> datetime:
        """An ISO 8601 instant with its zone."""
        return parse_instant(self.path(key), self._said.get(key))

    def texts(self, key: str, at_most: int) -> list[str]:
        """A list of texts; empty where it is absent."""
        found = self.sequence(key, at_most)
        for at, value in enumerate(found):
            if not isinstance(value, str):
                raise unfit(f"{self.path(key)}/{at}", "not a text", "write a text")
        return found

    def sequence(self, key: str, at_most: int) -> list[Any]:
        """A list; empty where it is absent."""
        value = self._said.get(key, [])
        if not isinstance(value, list):
            raise unfit(self.path(key), "not a list", "write […]")
        if len(value) > at_most:
            raise unfit(self.path(key), f"{len(value)} items", f"write at most {at_most}")
        return value


def _nearest(key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, known, 1) if len(key) <= MAX_KEY_CHARACTERS else []
    return near[0] if near else "one of " + ", ".join(known)


def page_after(said: str) -> int:
    """The cursor of a page, from ?after.   Raises BadRequest."""
    if not (said.isascii() and said.isdigit() and len(said) < 12):
        raise unfit("?after", f"{said[:20]!r} is not a number", "write the `next` of the page before")
    return int(said)


def parse_instant(where: str, said: object) -> datetime:
    """'2026-08-04T10:00:00Z' to an aware datetime.   Raises BadRequest."""
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise unfit(where, "not an instant with a zone", "write 2026-08-04T10:00:00+05:00")
    return at
