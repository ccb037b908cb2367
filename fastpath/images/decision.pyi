from typing import NamedTuple

from fastpath.images.verdict import Action, Mode, Reason, Tier

class Match(NamedTuple):
    list: str
    rule: str | None
    mode: Mode
    action: Action
    order: int

class ListInForce(NamedTuple):
    id: str
    tier: Tier
    action: Action
    confidential: bool
    category: int = ...

class Decision(NamedTuple):
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
