"""Block answers: splash address, TTL and EDE for each reason; the list's action selects the kind of answer.

Local data come from the list's entry.  Their reason decides the EDE and the longest TTL.

Invariants: a block by a confidential list is answered exactly as an ordinary order is, regardless of the list's
settings, so that DNS is no oracle for it.  TTLs are at most 60 s, for locks at most 10 s, so that a withdrawn order or
a lifted lock takes effect soon.
Absent on purpose: any setting for CSAM.
Source: semantics §4; RFC 8914 §4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from dns.base.extended_errors import EDE_OF
from dns.front.structured import StructuredErrors
from fastpath.dns.block_answers import AnswerSpec
from fastpath.images.verdict import Action, Reason

MAX_TTL_S: Final = 60
MAX_LOCK_TTL_S: Final = 10

LOCKS: Final = frozenset({Reason.PAUSE, Reason.SCHEDULE, Reason.QUOTA, Reason.SOFT_LOCK})


@dataclass(frozen=True, slots=True)
class Splash:
    """Addresses of the splash page.  Without any, the action splash is answered NXDOMAIN."""

    v4: IPv4Address | None = None
    v6: IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """The operator's settings for block answers.

    splash         for every reason that `splash_of` does not name
    order_action   what an order gets by default, and what CSAM gets always
    structured     structured errors (EXTRA-TEXT) for clients that ask for them; None: off
    Raises ValueError for a TTL beyond what semantics §4.2 allows, or an order_action that does not answer."""

    splash: Splash = Splash()
    splash_of: Mapping[Reason, Splash] = field(default_factory=dict)
    ttl_s: int = MAX_TTL_S
    lock_ttl_s: int = MAX_LOCK_TTL_S
    order_action: Action = Action.SPLASH
    structured: StructuredErrors | None = None

    def __post_init__(self) -> None:
        _require_ttl("ttl_s", self.ttl_s, MAX_TTL_S)
        _require_ttl("lock_ttl_s", self.lock_ttl_s, MAX_LOCK_TTL_S)
        if self.order_action not in (Action.SPLASH, Action.NXDOMAIN, Action.NODATA, Action.REFUSED):
            raise ValueError(
                f"answers: order_action {self.order_action.name.lower()} gives no answer; not used; "
                "choose splash, nxdomain, nodata or refused"
            )

    def specs(self) -> list[AnswerSpec]:
        """One spec for each Reason, in the loop's form."""
        return [self._spec(reason) for reason in Reason]

    def _spec(self, reason: Reason) -> AnswerSpec:
        if reason is Reason.CSAM:
            return self._spec(Reason.ORDER)._replace(action=self.order_action)
        splash = self.splash_of.get(reason, self.splash)
        return AnswerSpec(
            splash4=splash.v4.packed if splash.v4 else b"",
            splash6=splash.v6.packed if splash.v6 else b"",
            ttl_s=self.lock_ttl_s if reason in LOCKS else self.ttl_s,
            ede=EDE_OF[reason],
            action=Action.NO_ACTION,
            text=self.structured.text(reason) if self.structured else b"",
        )


def _require_ttl(name: str, ttl_s: int, most: int) -> None:
    if not 0 <= ttl_s <= most:
        raise ValueError(f"answers: {name} {ttl_s}; not used; block answers live 0 to {most} s")
