"""The part of the schema about what the public is told."""

from dataclasses import dataclass

from filterd.config import kinds
from filterd.config.spec import CONTROL, WEB, many, one


@dataclass(frozen=True, slots=True, kw_only=True)
class Transparency:
    """The public's page of quarters; see docs/transparency.md."""

    page: bool = one(kinds.truth, default=False)
    """Publish each quarter when it is over, and show `/transparency` to every visitor of the families' door
    (`/family/listen`; without it, `/api/listen`)."""
    hidden_issuers: tuple[str, ...] = many(kinds.text, restart=(*CONTROL, *WEB), default=())
    """Issuers whose orders may not be made public, as orders name them.   They are in no count of orders of a quarter
    that is published from then on, and the page says that such orders are left out."""
