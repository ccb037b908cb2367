"""The texts of every page, from mgmt/locale/LANGUAGE/LC_MESSAGES/pages.po, and who has read them.

A message's id is a stable name (`splash.csam.stop`) that a recording of it can have, too; English is a catalogue like
the others.  A comment `#. review: NAME YYYY-MM-DD` says which native reader has read a message, and when; `none`:
no one yet.  A message may hold `{places}` for values and <b>; it is text otherwise.
Source: gettext's PO files; Babel reads them, and no compiled copy is kept that could differ.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parents[1] / "locale"
REVIEW = "review: "
UNREAD = "none"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """texts  by id;   reviews  by id: who has read the message, and when; UNREAD: no one"""

    texts: Mapping[str, str]
    reviews: Mapping[str, str]

    def n_unread(self) -> int:
        """Messages that no native reader has read."""
        return sum(review == UNREAD for review in self.reviews.values())


@functools.cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of one of LANGUAGES.   Cost: some 10 ms, once a process."""
    with (FOLDER / language / "LC_MESSAGES" / "pages.po").open("rb") as file:
        messages = [message for message in read_po(file, locale=language, abort_invalid=True) if message.id]
    return Catalogue(
        {str(message.id): str(message.string) for message in messages},
        {str(message.id): _review(message) for message in messages},
    )


def _review(message: Message) -> str:
    said = [each.removeprefix(REVIEW) for each in message.auto_comments if each.startswith(REVIEW)]
    return said[0] if said else UNREAD
