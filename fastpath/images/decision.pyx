"""Results of a TableSet in Python: used by `filterd lookup` and the API's explain."""
from typing import NamedTuple

from fastpath.images.verdict import Action, Mode, Reason, Tier


class Match(NamedTuple):
    """One entry that applies to a name.   rule  the entry's own name; None where its list is confidential"""

    list: str
    rule: str | None
    mode: Mode
    action: Action
    order: int


class ListInForce(NamedTuple):
    """One list of the images in force."""

    id: str
    tier: Tier
    action: Action
    confidential: bool
    category: int = 0


class Decision(NamedTuple):
    """The result of decide(); `list`, `rule` and `mode` are None where no list decided.

    shadow   the shadow list that would have blocked instead; None: none"""

    action: Action
    reason: Reason
    tier: Tier
    category: int
    list: str | None
    rule: str | None
    mode: Mode | None
    order: int
    subscriber: int | None
    matched: tuple[str, ...]
    shadow: str | None
