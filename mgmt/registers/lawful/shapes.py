"""What a lawful request is in the register: its kinds, its answers, and what may not stand in it.

Invariants: a text of the register holds no address, no number of a person and no name of a host: whom or what a request
is about stays in the authority's letter.
"""

import re
import unicodedata
from datetime import date
from typing import Literal, NamedTuple

from mgmt.contract.errors import BadRequest
from mgmt.contract.fields import unfit

Kind = Literal["interception", "identity", "traffic", "preservation", "records", "other"]
Answer = Literal["outside", "nothing", "refused", "hold", "records"]
MAX_CHARACTERS = 200
# kind → what it asks for
KINDS = {
    "interception": "interception of communications",
    "identity": "whose an address or a number was",
    "traffic": "traffic data",
    "preservation": "preservation of data",
    "records": "records of this product",
    "other": "something else",
}
# answer → what it says
ANSWERS = {
    "outside": "served by the operator's lawful-interception process, outside this product",
    "nothing": "this product holds nothing of what was asked for",
    "refused": "refused",
    "hold": "referred: a legal hold of records of this product",
    "records": "referred: records that this product holds are given by the auditors' export",
}
OF_TWO = ("hold", "records")  # with an effect: they count once a second person has agreed

_TARGETS = (
    (re.compile(r"@"), "an e-mail address"),
    (re.compile(r"\d{1,3}(?:\.\d{1,3}){3}"), "an IPv4 address"),
    (
        re.compile(
            r"(?:[0-9a-f]{1,4}:){2,}|::|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}", re.IGNORECASE
        ),
        "an IPv6 or a hardware address",
    ),
    (
        re.compile(
            r"://|(?:(?<![\w.])|(?<=\*\.))[a-z0-9-]{2,}(?:\.[a-z0-9-]{2,})*\.[a-z]{2,}(?:(?![\w.])|(?=\.$))",
            re.IGNORECASE,
        ),
        "a host name",
    ),
    (re.compile(r"\d{5}[ -]?\d{7}[ -]?\d"), "the number of an identity card"),
    (
        re.compile(
            r"\+\d(?:[ -]?\d){5,}|(?<!\d)(?:0\d{9,10}|92\d{10})(?!\d)|\d{13,}|"
            r"(?<!\d)(?:(?:00)?92[ -]?|0)3\d\d[ )-]{0,2}\d{7}(?!\d)"  # a mobile one, as people write it
        ),
        "a telephone number or another long number",
    ),
)
_DIGITS = {ord(digit): str(unicodedata.digit(digit)) for digit in "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"}


class RegisteredRequest(NamedTuple):
    """A request as the register has it.   The digest in the ledger is of all of these"""

    id: int
    authority: str
    reference: str
    basis: str
    kind: Kind
    issued: str
    recorded_s: int
    recorded_by: str
    answer: Answer | None
    answered_s: int | None
    answered_by: str | None
    answered_group: str | None
    agreed_s: int | None
    agreed_by: str | None
    agreed_group: str | None


def check_text(field: str, text: str) -> str:
    """A text of the register, without spaces around it.   Raises BadRequest"""
    text = text.strip()
    if not 0 < len(text) <= MAX_CHARACTERS or not text.isprintable():
        raise unfit(f"/{field}", "not one line of text", f"write 1 to {MAX_CHARACTERS} characters")
    seen = unicodedata.normalize("NFKC", text).translate(_DIGITS)
    for pattern, what in _TARGETS:
        if pattern.search(seen):
            raise unfit(f"/{field}", f"holds {what}", "name the authority's letter, never whom or what it is about")
    return text


def check_day(field: str, text: str, today: date) -> str:
    """A day that has come, as 2026-08-04.   Raises BadRequest"""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise unfit(f"/{field}", f"{text[:20]!r} is not a day", "write it as 2026-08-04") from None
    if day > today:
        raise unfit(f"/{field}", f"{day} has not come yet", "write the day of the letter")
    return day.isoformat()


def check_choice(field: str, said: str, known: dict[str, str]) -> str:
    """A kind or an answer.   Raises BadRequest"""
    if said not in known:
        raise BadRequest(f"/{field}", f"/{field}: {said[:20]!r} is unknown; not taken; write one of {', '.join(known)}")
    return said
