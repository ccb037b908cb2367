"""Messages of archive.sock: what web asks of the records of blocks that are files, and control of the role itself."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from filterd.process.codec import Requests
from mgmt.registers.records.block_archive import FoundRecord, OrderName
from mgmt.registers.records.block_ledger import RecordQuery
from mgmt.registers.records.holds.scope import Scope

MOST_OF_PAGE = 200  # records of a page: they are Python objects, outside of the limit of a search


class Search(Struct, frozen=True, tag_field="op", tag="search"):
    """Look for records, but for those that households have chosen.   Reply: SearchHandle."""

    wanted: RecordQuery
    form: Literal["ndjson", "csv", "parquet", "counts"]


class Page(Struct, frozen=True, tag_field="op", tag="page"):
    """At most `limit` records, after the first `skip` ones, but for those of households.   Reply: Records."""

    wanted: RecordQuery
    skip: Annotated[int, Meta(ge=0)]
    limit: Annotated[int, Meta(ge=1, le=MOST_OF_PAGE)]


class NameOrders(Struct, frozen=True, tag_field="op", tag="name_orders"):
    """Call these orders so in a search, before its first piece.   Reply: SearchHandle."""

    search: int
    orders: list[OrderName]


class More(Struct, frozen=True, tag_field="op", tag="more"):
    """Go on with a search.   Reply: Piece."""

    search: int


class Close(Struct, frozen=True, tag_field="op", tag="close"):
    """End a search.   Reply: SearchHandle."""

    search: int


class Forget(Struct, frozen=True, tag_field="op", tag="forget"):
    """Remove records that are old, as filterd.audit.retention.Due has them.   Reply: ForgottenDays."""

    blocks_before_s: int
    household_before_s: int
    after_s: int | None
    held: list[Scope] = []


class AskArchive(Struct, frozen=True, tag_field="op", tag="status"):
    """How are you?   Reply: ArchiveStatus."""


class Bundle(Struct, frozen=True, tag_field="op", tag="bundle"):
    """The records of these days (UTC) with their proof, in pieces as of a search.   Reply: SearchHandle."""

    first: date
    last: date


class RecordProof(Struct, frozen=True, tag_field="op", tag="record_proof"):
    """One record with its proof.   number  of its leaf;   index  of the record in it   Reply: ProofBundle."""

    number: int
    index: int


class NewestCheckpoint(Struct, frozen=True, tag_field="op", tag="checkpoint"):
    """The newest checkpoint.   earlier  the size of a tree, whose continuation is to be proven   Reply: Newest."""

    earlier: int | None


class AskTree(Struct, frozen=True, tag_field="op", tag="tree"):
    """Take what has come into the tree.   signed  the size of what was signed last   Reply: TreeHead."""

    signed: int


class KeepCheckpoint(Struct, frozen=True, tag_field="op", tag="keep_checkpoint"):
    """Keep a checkpoint of so many leaves.   vkey  what verifies it   Reply: TreeSize."""

    size: int
    note: str
    vkey: str


class RecordsFrom(Struct, frozen=True, tag_field="op", tag="records_from"):
    """The records from one on, in the order of their leaves.   Reply: NextRecords.

    number  of its leaf, and  index  of the record in it; number -1: those that come from now on
    most    records at once"""

    number: int
    index: int
    most: int


class ToldRecord(Struct, frozen=True, kw_only=True):
    """A record as it leaves the box: what auditors get, but for its subscriber.   time  RFC 3339

    number, index  as of RecordsFrom: no other record of this box has them"""

    number: int
    index: int
    time: str
    channel: str
    action: str
    list: str
    rule: str
    order: int
    category: str
    reason: str
    generation: int
    count: int
    province: str


class NextRecords(Struct, frozen=True, kw_only=True):
    """Reply to RecordsFrom.   number, index  of the one behind them

    gone     how many were passed over: they are destroyed by age
    waiting  how many there are from the first of these on, counted in some thousand leaves at most"""

    records: list[ToldRecord]
    number: int
    index: int
    gone: int
    waiting: int


class SearchHandle(Struct, frozen=True):
    """Reply: the search that is open, or was."""

    search: int


class Piece(Struct, frozen=True):
    """Reply to More: what comes next of the answer.   is_last: it is over, and the search is closed"""

    data: bytes
    is_last: bool


class Records(Struct, frozen=True):
    """Reply to Page."""

    records: list[FoundRecord]


class ForgottenDays(Struct, frozen=True):
    """Reply to Forget: of how many days."""

    days: int


class ProofBundle(Struct, frozen=True):
    """Reply to RecordProof.   octets  the bundle of one record;   absent  why it is missing; "": it is"""

    octets: bytes
    absent: str


class Newest(Struct, frozen=True):
    """Reply to NewestCheckpoint.   size  of its tree;   path  from `earlier` to it;   absent  why it is missing"""

    note: str
    size: int
    path: list[bytes]
    absent: str


class TreeHead(Struct, frozen=True):
    """Reply to AskTree.   path  from what was signed to the tree of `size` leaves

    has_checkpoint  whether that of what was signed is kept"""

    size: int
    root: bytes
    path: list[bytes]
    has_checkpoint: bool


class TreeSize(Struct, frozen=True):
    """Reply to KeepCheckpoint: the size of its tree."""

    size: int


class ArchiveStatus(Struct, frozen=True, kw_only=True):
    """Reply to AskArchive.

    batches  that wait to become files;   oldest  the first day that there is, ISO 8601;   octets  of all files
    faults   what failed → why"""

    batches: int
    oldest: str | None
    octets: int
    faults: dict[str, str]


OF_SEARCHES = (Search, Page, NameOrders, More, Close)
OF_PROOF = (Bundle, RecordProof, NewestCheckpoint, AskTree, KeepCheckpoint)
ARCHIVE_REQUESTS = Requests((*OF_SEARCHES, *OF_PROOF, Forget, AskArchive, RecordsFrom))
