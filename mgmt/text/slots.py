"""How each language is written, and what a language has that not every message is translated into.

Every page is written in LANGUAGES.  The family pages can be in FURTHER ones, too, whose catalogues people fill; an
operator offers one (`/family/languages`) as soon as ENOUGH of it is there.
Invariants: a message that is missing is that of `instead`, and is marked as such; direction, weekdays and units are
CLDR's, and nothing else in the code depends on a language.
Source: Unicode CLDR through Babel; BCP 47; WCAG 2.2 §3.1.2 (language of parts).
"""

from collections.abc import Mapping
from typing import NamedTuple

from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import catalogue

ENOUGH = 0.95  # of the messages: a page with one foreign sentence in twenty can be read
NAME = "language.name"  # on the link to it
NASKH = '"Noto Naskh Arabic",serif'  # Nastaliq is for Urdu


class Slot(NamedTuple):
    """locale  of Babel;   clock  without and with seconds, by CLDR's patterns

    instead  the language of what is not translated; None: all is
    font     in CSS, of what phones have; None: that of the style sheet"""

    locale: str
    clock: tuple[str, str]
    instead: str | None = None
    font: str | None = None


SLOTS: Mapping[str, Slot] = {
    "en": Slot("en_PK", ("h:mm a", "h:mm:ss a")),
    "ur": Slot("ur_PK", ("B h:mm", "B h:mm:ss")),
    "ps": Slot("ps_PK", ("B h:mm", "B h:mm:ss"), "ur", NASKH),
    "sd": Slot("sd_Arab_PK", ("B h:mm", "B h:mm:ss"), "ur", NASKH),
}
FURTHER = tuple(code for code in SLOTS if code not in LANGUAGES)


def translated(code: str) -> tuple[int, int]:
    """How many messages a language has, and how many there are."""
    there = catalogue(LANGUAGES[0]).texts
    return sum(bool(text.strip()) for name, text in catalogue(code).texts.items() if name in there), len(there)


def is_enough(code: str) -> bool:
    """Whether so much of a language is there, and its own name, that it can be offered."""
    n, of = translated(code)
    return n >= ENOUGH * of and bool(catalogue(code).texts.get(NAME))


def fonts() -> str:
    """The rules of the style sheet for languages with a font of their own."""
    owned = ((code, slot.font) for code, slot in SLOTS.items() if slot.font is not None)
    return "".join(f"[lang={code}]{{font-family:{font};line-height:2;text-align:start}}\n" for code, font in owned)
