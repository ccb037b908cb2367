"""The part of the schema about records of blocks: where they are kept."""

from dataclasses import dataclass

from filterd.config import kinds
from filterd.config.spec import LIVE, one

DATABASE, FILES = "database", "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Records of blocks."""

    store: str = one(kinds.one_of(DATABASE, FILES), default=DATABASE)
    """Where they are kept.   files: as Parquet, by day, in `state_dir`, by a role of their own (docs/audit.md); it
    needs filterd[audit], and takes over what the database has.   Gateways that share a database change together."""

    bypass_statistics: bool = one(kinds.truth, restart=LIVE, default=False)
    """Whether statistics of quarters count what the gate has seen of lists of the category bypass (docs/audit.md)."""

    @property
    def are_files(self) -> bool:
        return self.store == FILES
