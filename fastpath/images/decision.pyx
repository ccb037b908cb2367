"""What TableSet says in Python: the values that `lookup`, the API's explain and the records are made of."""
from typing import NamedTuple

from fastpath.images.verdict import Action, Mode, Reason, Tier


class Match(NamedTuple):
    """One entry that speaks of a name; `rule` is the entry's own name, None where its list is confidential."""

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
    """What decide() said; `list`, `rule` and `mode` are None where no list decided.

    shadow   the list that would have blocked in its place, were it enforced and not only counted; None: none"""

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
