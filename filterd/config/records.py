"""The parts of the schema about what is published of records of blocks."""

from dataclasses import dataclass

from filterd.config import kinds
from filterd.config.spec import CONTROL, LIVE, WEB, many, one


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Records of blocks."""

    bypass_statistics: bool = one(kinds.truth, restart=LIVE, default=False)
    """Whether statistics of quarters count what the gate has seen of lists of the category bypass
    (docs/audit/audit.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transparency:
    """The public's page of quarters; see docs/audit/transparency.md."""

    page: bool = one(kinds.truth, default=False)
    """Publish each quarter when it is over, and show `/transparency` to every visitor of the families' door
    (`/family/listen`; without it, `/api/listen`)."""
    hidden_issuers: tuple[str, ...] = many(kinds.text, restart=(*CONTROL, *WEB), default=())
    """Issuers whose orders may not be made public, as orders name them.   They are in no count of orders of a quarter
    that is published from then on, and the page says that such orders are left out."""
