"""Zones are pulled: what a primary sends becomes a version of the list.

    newest serial → primaries ─┬─ nothing new
                               ├─ changes   → copy with the changes ─┐
                               └─ the zone  → written as it comes ───┴→ waits, judged as any other list

Invariants: changes that do not fit what is kept, a lie or a fault, end in the whole zone; a transfer that fails leaves
everything as it was, and is noted with its reason.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from dns.base.errors import TransferFailure
from dns.base.message import Record, read_soa
from dns.zones.ixfr import Change, Kind, TooManyChanges
from dns.zones.tsig import Key, read_key
from dns.zones.xfr_in import Limits, Primary, ZoneTransfer, tls_context, transfer
from filterd.config import Config
from filterd.config.schema import MAX_FILE_OCTETS, ListEntry
from filterd.images.lists.sources import holds_confidential, reading_of, shelf_of
from filterd.images.lists.zone_copies import Newest, confirmed, newest_of
from rules.base.canonical import canonical_wire
from rules.lists.versions import Part, Version, arrived
from rules.lists.zone_copy import BadZone, Difference, apply, head, record_line

WRITE_EVERY: Final = 4096  # records

log = logging.getLogger("filterd.images.lists.zone_copies")


async def pull_zone(config: Config, entry: ListEntry, now_s: float) -> None:
    """Ask for what is new of a zone; a newer one waits on the shelf, whole.   Raises TransferFailure."""
    kept = shelf_of(config, entry).kept()
    newest = newest_of(config, entry, kept)
    if newest is not None:
        try:
            await _pull(config, entry, newest, now_s)
            return
        except (BadZone, TooManyChanges) as reason:
            log.warning("list %s: %s; the whole zone is transferred", entry.id, reason)
    await _pull(config, entry, None, now_s)


def primaries_of(entry: ListEntry) -> list[Primary]:
    """Who is asked for a zone.   Raises TransferFailure for a key or certificate that cannot be used."""
    try:
        tls = tls_context(entry.ca, entry.client_certificate, entry.client_key) if entry.tls_name else None
        key = key_of(entry)
    except (OSError, ValueError) as reason:
        raise TransferFailure(f"key or certificate: {reason}") from reason
    return [Primary(at, key, tls, entry.tls_name) for at in entry.primaries]


def key_of(entry: ListEntry) -> Key | None:
    """The key that is shared with a zone's primaries.   Raises OSError, ValueError."""
    return None if entry.tsig is None else read_key(entry.tsig.read_text("utf-8"))


async def ask_primaries(
    entry: ListEntry, serial: int | None, whole: Callable[[Record], None], limits: Limits, again: Callable[[], None]
) -> tuple[ZoneTransfer, Primary]:
    """Ask one after the other, until one answers.   again: before another is asked; what `whole` took is void.

    Raises TransferFailure with what the last one said; TooManyChanges."""
    said: list[str] = []
    for primary in primaries_of(entry):
        try:
            return await transfer(primary, canonical_wire(entry.zone or ""), serial, whole, limits), primary
        except TransferFailure as reason:
            said.append(str(reason))
            again()
    raise TransferFailure("; ".join(said))


def differences_of(apex: bytes, changes: list[Change]) -> list[Difference]:
    """Changes as lines of a copy."""
    return [_difference(apex, change) for change in changes]


# ----------------------------------------------------------------------------------------------------------------------


async def _pull(config: Config, entry: ListEntry, newest: Newest | None, now_s: float) -> None:
    shelf, apex = shelf_of(config, entry), canonical_wire(entry.zone or "")
    limits = Limits(float(entry.timeout), int(entry.max_octets))
    with shelf.receiving() as part:
        writer = _Writer(part, apex)
        serial = None if newest is None else newest.serial
        transferred, primary = await ask_primaries(entry, serial, writer.take, limits, writer.begin_again)
        if transferred.kind is Kind.CURRENT:
            shelf.change(partial(confirmed, now_s=now_s))
            return
        before = None
        if transferred.kind is Kind.CHANGES and newest is not None:
            before = newest.version
            apply(newest.copy, [*newest.differences, *differences_of(apex, transferred.changes)], writer.write)
        writer.flush()
        origin = f"{entry.zone} serial {transferred.serial} of {primary}"
        version = Version(
            part.end(), part.octets, origin, reading_of(entry), now_s, is_confidential=holds_confidential(entry, before)
        )
        shelf.take(part, version, lambda now: replace(arrived(now, version), asked_s=now_s, failed=None))


class _Writer:
    """A zone's records, as they come, into a part."""

    def __init__(self, part: Part, apex: bytes) -> None:
        self._part, self._apex = part, apex
        self._lines: list[bytes] = []

    def take(self, record: Record) -> None:
        line = record_line(self._apex, record.owner, record.rtype, record.ttl_s, record.rdata)
        if not self._part.octets and not self._lines:  # the SOA comes first
            line = head(self._apex, line)
        self._lines.append(line)
        if len(self._lines) >= WRITE_EVERY:
            self.flush()

    def flush(self) -> None:
        self.write(b"".join(self._lines))
        self._lines.clear()

    def write(self, octets: bytes) -> None:
        if self._part.octets + len(octets) > MAX_FILE_OCTETS:
            raise TransferFailure(f"the zone is larger than {MAX_FILE_OCTETS >> 20} MiB; not taken")
        self._part.write(octets)

    def begin_again(self) -> None:
        self._lines.clear()
        self._part.begin_again()


def _difference(apex: bytes, change: Change) -> Difference:
    assert change.soa is not None

    def lines(records: list[Record]) -> list[bytes]:
        found = (record_line(apex, each.owner, each.rtype, each.ttl_s, each.rdata) for each in records)
        return [line for line in found if line]

    soa = change.soa
    line = record_line(apex, soa.owner, soa.rtype, soa.ttl_s, soa.rdata)
    return Difference(change.old_serial, read_soa(soa).serial, line, lines(change.removed), lines(change.added))
