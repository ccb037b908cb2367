"""Categories and services that a parent can block, by name and number.

A service is one company's: what a list of `service: tiktok` holds.  For an image it is a category like another, of a
tier above them.

Invariants: a number is permanent (images, policies and audit records hold it): never reuse one, add at the end;
categories are 1 to 63 and services 64 to 127, so that a policy's mask is two 64-bit words; no name is both.
"""

import difflib
from types import MappingProxyType

from rules.base.errors import BadSource

CATEGORIES = MappingProxyType(
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
        "undecidable": 28,  # holds no names: the gate blocks what it cannot judge of those to whom it is closed
        "education": 29,
    }
)
SERVICES = MappingProxyType(
    {
        "youtube": 64,
        "tiktok": 65,
        "facebook": 66,
        "instagram": 67,
        "whatsapp": 68,
        "snapchat": 69,
        "telegram": 70,
        "x": 71,
        "discord": 72,
        "reddit": 73,
        "pinterest": 74,
        "threads": 75,
        "likee": 76,
        "bigo-live": 77,
        "twitch": 78,
        "netflix": 79,
        "prime-video": 80,
        "tamasha": 81,
        "tapmad": 82,
        "spotify": 83,
        "roblox": 84,
        "minecraft": 85,
        "fortnite": 86,
        "free-fire": 87,
        "pubg-mobile": 88,
        "call-of-duty": 89,
        "ludo-star": 90,
        "steam": 91,
        "playstation": 92,
        "xbox": 93,
        "chatgpt": 94,
        "gemini": 95,
        "character-ai": 96,
        "daraz": 97,
        "signal": 98,
        "imo": 99,
        "skype": 100,
        "zoom": 101,
        "ary-zap": 102,
        "foodpanda": 103,
        "jazzcash": 104,
        "easypaisa": 105,
        "snack-video": 106,
        "olx": 107,
    }
)
NUMBERS = MappingProxyType(CATEGORIES | SERVICES)
FIRST_SERVICE = 64
MAX_NUMBER = 127
NAMELESS = frozenset({"quic", "undecidable"})  # no list is of them
_NAMES = {number: name for name, number in NUMBERS.items()}


def category_number(name: str) -> int:
    """The number of the category or service `name`.   Raises BadSource with a suggestion."""
    number = NUMBERS.get(name)
    if number is None:
        near = difflib.get_close_matches(name, NUMBERS, 1) or ["one of " + ", ".join(NUMBERS)]
        raise BadSource(f"category: {name!r} is not known; not accepted; write {near[0]}")
    return number


def category_name(number: int) -> str:
    """The name of category or service `number`; 'none' for 0, the number itself for one that is not known here."""
    if number == 0:
        return "none"
    return _NAMES.get(number, str(number))
