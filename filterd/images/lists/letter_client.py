"""Has the table of a letter read by a process that can do nothing else, for the web role.

As lists are: filterd.images.lists.reader_client.

Invariants: the web role parses no file of a stranger; an answer is data of a bounded length, whose every row is looked
at again when the order is judged.
"""

import tempfile
from pathlib import Path
from typing import Final

from filterd.images.lists.list_reader import LetterContent, ReadLetter
from filterd.images.lists.reader_client import asked_of, reader_at
from mgmt.orders.base.letter_file import UnreadLetter
from rules.base.errors import BadList
from rules.lists.letter import MAX_ROWS, Letter

ANSWER_OCTETS: Final = 128 * 2**20  # of the most rows and text that a letter may have, with every character escaped


class LetterReader:
    """Reads letters.   door: filterd.box.places.reader_socket()"""

    def __init__(self, door: Path) -> None:
        self._door = door

    def __call__(self, octets: bytes, encoding: str | None) -> Letter:
        """The rows of a file.   Raises BadList, UnreadLetter.   Cost: a start of Python, and some 20 µs a row"""
        try:
            found = self._ask(octets, encoding)
        except OSError as reason:
            raise UnreadLetter(str(reason)) from reason
        if found.bad:
            raise BadList(found.bad)
        if found.failed or len(found.rows) > MAX_ROWS:
            raise UnreadLetter(found.failed or "its reader gave too many rows")
        return Letter(found.encoding, found.rows)

    def _ask(self, octets: bytes, encoding: str | None) -> LetterContent:
        with tempfile.NamedTemporaryFile(prefix="filterd-letter-") as file, reader_at(self._door) as (reader, ended):
            file.write(octets)
            file.flush()
            answer = asked_of(reader, ReadLetter(encoding), [Path(file.name)], LetterContent, ANSWER_OCTETS)
            return answer or LetterContent(failed=f"its reader ended without an answer{ended()}")
