"""A household's own names: what a person writes, in the form in which all names are compared.

Invariants: a name is shown as it is compared, an international one in its ASCII form, so that no one is shown a
look-alike of what he wrote; what would be a whole country or provider (a public suffix) is refused.   Source:
semantics §1, §2.
"""

from collections.abc import Iterable

from fastpath.images.layout import Limit
from parental.policy.long_names import fits
from parental.store.errors import BadProfile
from rules.base.canonical import canonical_name, canonical_wire
from rules.base.errors import BadName
from rules.base.public_suffixes import public_suffixes

ALLOWED, DENIED = "allowed", "denied"


def household_names(field: str, said: Iterable[str]) -> frozenset[str]:
    """The canonical names of what was written.   field  ALLOWED or DENIED

    Raises BadProfile"""
    return frozenset(_name(field, text) for text in said)


def _name(field: str, text: str) -> str:
    try:
        name = canonical_name(text)
    except BadName as exc:
        raise BadProfile(f"{field}: {text[:60]!r} {exc.reason}; not accepted; write one as example.com") from exc
    if public_suffixes().refusal(canonical_wire(name), opens=field == ALLOWED):
        raise BadProfile(f"{field}: all of {name[:60]} would be meant; not accepted; write the name of one site")
    if not fits(name):
        raise BadProfile(f"{field}: {name[:60]} has too many parts; not accepted; at most {Limit.HOUSEHOLD_LABELS}")
    return name
