"""The parts of the schema about records of blocks: where they are kept, and what is published of them."""

from dataclasses import dataclass

from filterd.config import kinds
from filterd.config.spec import CONTROL, LIVE, WEB, many, one

DATABASE, FILES = "database", "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Records of blocks."""

    store: str = one(kinds.one_of(DATABASE, FILES), default=DATABASE)
    """Where they are kept.   files: as Parquet, by day, in `state_dir`, by a role of their own (docs/audit/audit.md);
    it needs filterd[audit], and filterd audit move for what the database has.   Gateways that share a database change
    together."""

    bypass_statistics: bool = one(kinds.truth, restart=LIVE, default=False)
    """Whether statistics of quarters count what the gate has seen of lists of the category bypass
    (docs/audit/audit.md)."""

    @property
    def are_files(self) -> bool:
        return self.store == FILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Transparency:
    """The public's page of quarters; see docs/audit/transparency.md."""

    page: bool = one(kinds.truth, default=False)
    """Publish each quarter when it is over, and show `/transparency` to every visitor of the families' door
    (`/family/listen`; without it, `/api/listen`)."""
    hidden_issuers: tuple[str, ...] = many(kinds.text, restart=(*CONTROL, *WEB), default=())
    """Issuers whose orders may not be made public, as orders name them.   They are in no count of orders of a quarter
    that is published from then on, and the page says that such orders are left out."""
