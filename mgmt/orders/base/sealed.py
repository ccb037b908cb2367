"""Orders that may stand nowhere in clear: those that direct child abuse material.

An order is stored, shown, recorded and exported with its entries in clear.  So these are refused before an entry is
read; encrypted, they are taken (mgmt.orders.sealed_messages).
A category says it; a ground or a reference that speaks of it counts as well, since an issuer may have no other field.
Invariants: the refusal quotes nothing of the order.
Source: PECA 2016, section 22; semantics §8.
"""

import re
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from mgmt.contract.errors import BadRequest

ORDINARY, CHILD_ABUSE = "ordinary", "child-abuse"
REFUSAL = (
    "an order of child abuse material may stand nowhere in clear, and orders over the API do; not taken, nothing of it "
    "stored; encrypt its entries and push it to /v1/sealed-orders (docs/desk/sealed-lists.md)"
)

_ABUSE = "abuse|abusive|exploitation|porn" + r"\w*"
_SPEAKS_OF_IT = re.compile(
    r"\bcs(?:am|em|ae)\b|"
    rf"\b(?:child(?:ren)?(?:'s)?|minors?)\W+(?:sexual(?:ly)?\W+)?(?:{_ABUSE})|"
    r"\bpeca\W*(?:2016)?\W*(?:act)?\W*(?:s(?:ection|ec)?)?\W*22[a-d]?\b|\bs(?:ection|ec)?\W{0,2}22[a-d]?\b|"
    r"بچوں\s+(?:سے|کے\s+ساتھ|کی|کا)\s+(?:جنسی|فحش)",
    re.IGNORECASE,
)


@lru_cache(4096)  # a table says the same in nearly every row
def why_sealed(text: str) -> str | None:
    """Why what says this may not stand in clear; None: it may."""
    return REFUSAL if _SPEAKS_OF_IT.search(text) else None


def is_sealed(order: Row[Any]) -> bool:
    """Whether a stored order may stand nowhere in clear.   order  with its ground and its reference"""
    return why_sealed(str(order.ground)) is not None or why_sealed(str(order.ref)) is not None


def refuse_sealed(category: str, **said: str) -> None:
    """Refuse an order that may not stand in clear.   said  its texts by field.   Raises BadRequest with the field"""
    if category == CHILD_ABUSE:
        raise BadRequest("/category", f"/category: {REFUSAL}")
    for field, text in said.items():
        if why_sealed(text):
            raise BadRequest(f"/{field}", f"/{field}: {REFUSAL}")
