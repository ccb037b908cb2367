"""Messages of archive.sock: what web asks of the records of blocks that are files, and control of the role itself."""

from typing import Literal

from msgspec import Struct

from filterd.process.codec import Requests
from mgmt.block_archive import OrderName
from mgmt.block_ledger import Wanted


class Search(Struct, frozen=True, tag_field="op", tag="search"):
    """Look for records, but for those that households have chosen.   Reply: Opened."""

    wanted: Wanted
    form: Literal["ndjson", "csv", "parquet", "counts"]


class NameOrders(Struct, frozen=True, tag_field="op", tag="name_orders"):
    """Call these orders so in a search, before its first piece.   Reply: Opened."""

    search: int
    orders: list[OrderName]


class More(Struct, frozen=True, tag_field="op", tag="more"):
    """Go on with a search.   Reply: Piece."""

    search: int


class Close(Struct, frozen=True, tag_field="op", tag="close"):
    """End a search.   Reply: Opened."""

    search: int


class Forget(Struct, frozen=True, tag_field="op", tag="forget"):
    """Remove records that are old, as filterd.audit.retention.Due has them.   Reply: Forgotten."""

    blocks_before_s: int
    household_before_s: int
    after_s: int | None


class AskArchive(Struct, frozen=True, tag_field="op", tag="status"):
    """How are you?   Reply: ArchiveStatus."""


class Opened(Struct, frozen=True):
    """Reply: the search that is open, or was."""

    search: int


class Piece(Struct, frozen=True):
    """Reply to More: what comes next of the answer.   is_last: it is over, and the search is closed"""

    data: bytes
    is_last: bool


class Forgotten(Struct, frozen=True):
    """Reply to Forget: of how many days."""

    days: int


class ArchiveStatus(Struct, frozen=True, kw_only=True):
    """Reply to AskArchive.

    batches  that wait to become files;   oldest  the first day that there is, ISO 8601;   octets  of all files
    faults   what failed → why"""

    batches: int
    oldest: str | None
    octets: int
    faults: dict[str, str]


ARCHIVE_REQUESTS = Requests((Search, NameOrders, More, Close, Forget, AskArchive))
