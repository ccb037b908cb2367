"""One order and its entries: values, statuses, and the two texts of an entry's `wire`.

Invariants: equal content gives an equal digest, however the body was spaced and its keys ordered.
"""

import enum
import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

BROADER = "broader"  # the kind of an approval, see mgmt.orders.approvals


class EntryMode(enum.StrEnum):
    """What the `wire` of an entry is, and what of it is closed."""

    SUBTREE = "subtree"
    EXACT = "exact"
    URL = "url"
    URL_PREFIX = "url-prefix"  # that URL, and every path below it
    ADDRESS = "address"  # or a prefix: `wire` is its text, and its rules stand in entry_parts
    BELOW = "below"  # of such a rule alone


class EntryStatus(enum.StrEnum):
    """What becomes of an entry."""

    PENDING = "pending"  # to be enforced
    SHADOW = "shadow"  # not enforced: what it would block is counted, until two persons let it in
    ENFORCED = "enforced"
    ENFORCED_HTTP = "enforced_http_only"
    ENFORCED_BROADER = "enforced_broader"  # a URL, by its whole host, as two persons have approved
    NOT_VISIBLE = "not_visible_over_https"  # a page of https:// whose host is open: closed over plain HTTP alone
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    REFUSED_PROTECTED = "refused_protected"
    NOT_ENFORCEABLE = "not_enforceable_at_this_layer"
    PENDING_REVIEW = "pending_review"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"  # by the list that held it


SCOPES = (EntryMode.SUBTREE, EntryMode.EXACT)
# By every worker.
SERVED = (EntryStatus.ENFORCED, EntryStatus.ENFORCED_HTTP, EntryStatus.ENFORCED_BROADER, EntryStatus.NOT_VISIBLE)
# Of entries with which all is as their order directs.
AS_DIRECTED = frozenset({*SERVED, EntryStatus.DUPLICATE, EntryStatus.WITHDRAWN, EntryStatus.EXPIRED}) - {
    EntryStatus.NOT_VISIBLE
}
IN_FORCE = (EntryStatus.PENDING, *SERVED)  # compiled; that is how pending ones come into force


@dataclass(frozen=True, slots=True)
class Order:
    """What an issuer directs.

    entries           (value as pushed, scope)
    corrects          the reference of the order that this one replaces
    review, expires   local days: from when on it is to be looked at again; the last on which it holds
    is_shadow         it is counted and not enforced, until two persons let it in"""

    issuer: str
    ref: str
    ground: str
    scope: str
    deadline: datetime | None
    is_emergency: bool
    entries: tuple[tuple[str, str], ...]
    corrects: str | None = None
    review: date | None = None
    expires: date | None = None
    is_shadow: bool = False

    @property
    def sha256(self) -> bytes:
        """Digest of what the order says."""
        said = [
            self.issuer,
            self.ref,
            self.ground,
            self.scope,
            self.is_emergency,
            self.entries,
            None if self.deadline is None else self.deadline.timestamp(),
        ]
        later = {"corrects": self.corrects, "review": self.review, "expires": self.expires}
        if any(later.values()):  # what says none of them has the digest that it had before there were any
            said.append({name: None if value is None else str(value) for name, value in later.items()})
        if self.is_shadow:
            said.append({"shadow": True})
        return hashlib.sha256(json.dumps(said).encode()).digest()


class IssuerSignature(NamedTuple):
    """What an issuer's key has signed.   base  the octets that the signature is over;   created  Unix seconds"""

    key: bytes
    nonce: str
    created: int
    base: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, judged.

    wire   canonical: a name's on the wire, or the text of a URL, as `mode` says; None where the value is neither
    place  in the file that it came with: its line, or sheet and line; None: with none"""

    number: int
    value: str
    wire: bytes | None
    mode: EntryMode | None
    status: EntryStatus
    reason: str | None
    place: str | None = None


_MODES: dict[object, EntryMode] = {each.value: each for each in EntryMode}


def mode_of(word: object) -> EntryMode | None:
    """The mode of a row that another role may have written; None: there is no such mode."""
    return _MODES.get(word)


def is_url(wire: bytes) -> bool:
    """Whether the `wire` of an entry is a text, of a URL or a prefix: it holds no NUL, and a name on the wire ends in
    one."""
    return wire[-1] != 0


def name_text(wire: bytes) -> str:
    """A canonical wire name for people: letters, digits, '-', '_' and dots only; a URL or a
    prefix as it stands."""
    if is_url(wire):
        return wire.decode("ascii")
    labels, at = [], 0
    while wire[at]:
        labels.append(wire[at + 1 : at + 1 + wire[at]].decode("ascii"))
        at += 1 + wire[at]
    return ".".join(labels)
