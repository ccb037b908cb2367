"""Categories that a parent can block, by name and number.

Invariants: a number is permanent (images, policies and audit records hold it): never reuse one, add at the end;
1 to 127, so that a policy's mask of categories is two 64-bit words.
"""

import difflib
from types import MappingProxyType

from rules.errors import BadSource

NUMBERS = MappingProxyType(
    {
        "adult": 1,
        "nudify": 2,
        "gambling": 3,
        "dating": 4,
        "drugs": 5,
        "alcohol": 6,
        "violence": 7,
        "weapons": 8,
        "self-harm": 9,
        "hate": 10,
        "bypass": 11,  # VPN, proxy, foreign DoH
        "piracy": 12,
        "file-sharing": 13,
        "social": 14,
        "video": 15,
        "games": 16,
        "messaging": 17,
        "music": 18,
        "shopping": 19,
        "classifieds": 20,
        "advertising": 21,
        "tracking": 22,
        "malware": 23,
        "phishing": 24,
        "scam": 25,
        "ai-chat": 26,
        "quic": 27,  # holds no names: the gate refuses QUIC to whom it is closed, so that browsers use TCP
    }
)
MAX_NUMBER = 127
NAMELESS = frozenset({"quic"})  # no list is of them
_NAMES = {number: name for name, number in NUMBERS.items()}


def category_number(name: str) -> int:
    """The number of the category `name`.   Raises BadSource with a suggestion."""
    number = NUMBERS.get(name)
    if number is None:
        near = difflib.get_close_matches(name, NUMBERS, 1) or ["one of " + ", ".join(NUMBERS)]
        raise BadSource(f"category: {name!r} is not known; not accepted; write {near[0]}")
    return number


def category_name(number: int) -> str:
    """The name of category `number`; 'none' for 0, and the number itself for one that this version does not know."""
    if number == 0:
        return "none"
    return _NAMES.get(number, str(number))
