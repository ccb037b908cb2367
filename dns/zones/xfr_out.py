"""Outbound zone transfers and SOA answers for secondaries, message by message.  No I/O.

    octets → verified? (TSIG) → allowed? (address, key) → SOA | the whole zone | what has changed → messages

Invariants: an unauthorized client learns nothing, not even whether a zone exists; every message that answers a signed
request is signed; a transfer is of one edition from its first message to its last, and no more of it is in
memory than one message and one block; over UDP nothing is longer than the zone's SOA.
Source: RFC 1035 §4.1; RFC 5936 §2.2, §3; RFC 1995 §2, §4; RFC 8945 §5.2.   Cost: some 1 µs a record.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple

from dns.base.message import BadMessage, Message, is_newer, read_message, read_soa, shown
from dns.base.wire_format import (
    AA,
    AXFR,
    FORMERR,
    HEADER_OCTETS,
    IN,
    IXFR,
    NOERROR,
    NOTIMP,
    NS,
    OPCODE_MASK,
    QR,
    QUERY,
    RD,
    REFUSED,
    SERVFAIL,
    SOA,
    is_request,
    rcode_text,
)
from dns.zones.rpz_edition import Difference, Edition
from dns.zones.served_zone import NS_RECORD, ServedZone
from dns.zones.tsig import AnswerSigner, BadSignature, Key, check_query, refusal

MESSAGE_OCTETS: Final = 60_000  # of a transfer; 65,535 with room for a signature

_HEADER: Final = struct.Struct(">6H")


class Answer(NamedTuple):
    """An answer.   title  of a transfer, for the log, else "";   refused  why the request was refused"""

    messages: Iterator[bytes]
    title: str = ""
    refused: str = ""


class _TransferRefusal(Exception):
    """Answer with this rcode; the message says why."""

    def __init__(self, rcode: int, why: str) -> None:
        super().__init__(f"{rcode_text(rcode)}: {why}")
        self.rcode = rcode


class Answerer:
    """Answers requests for some zones.   Raises ValueError for two keys of one name."""

    def __init__(self, zones: Sequence[ServedZone], clock: Callable[[], float]) -> None:
        self._clock = clock
        self.zones: Mapping[bytes, ServedZone] = {zone.plan.name: zone for zone in zones}
        self._keys: dict[bytes, Key] = {}
        for key in (zone.rights.key for zone in zones if zone.rights.key is not None):
            if self._keys.setdefault(key.name, key) != key:
                raise ValueError(f"{key!r}: two keys of this name; no zone is served; give each a name of its own")

    def answer(self, octets: bytes, client: str, is_stream: bool) -> Answer | None:
        """Answer a request; None: it is not a request, or cannot be answered."""
        if not is_request(octets):
            return None
        address = ip_address(client.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not any(address in network for zone in self.zones.values() for network in zone.rights.clients):
            return _bare(octets, REFUSED, "no zone may be fetched from there")
        try:
            asked = check_query(octets, self._keys, int(self._clock()))
            message = read_message(asked.message)
        except BadSignature as bad:
            return Answer(iter((refusal(_bare_octets(octets, NOERROR), bad, int(self._clock())),)), refused=str(bad))
        except BadMessage as reason:
            return _bare(octets, FORMERR, str(reason))
        signer = AnswerSigner(asked.key, asked.mac) if asked.key is not None else None
        head = _Head(asked.message, message)
        try:
            zone, edition = self._permitted(message, asked.key, address)
            blocks, title = _content(message, zone, edition, is_stream)
        except _TransferRefusal as refused:
            return Answer(self._signed(iter((head.message([], refused.rcode),)), signer), refused=str(refused))
        return Answer(self._signed(_packed(head, blocks), signer), title)

    def _signed(self, messages: Iterator[bytes], signer: AnswerSigner | None) -> Iterator[bytes]:
        """Sign each message with its own time: a long transfer exceeds the fudge of one signature."""
        return messages if signer is None else (signer.sign(message, int(self._clock())) for message in messages)

    def _permitted(self, message: Message, key: Key | None, address: object) -> tuple[ServedZone, Edition]:
        if message.opcode != QUERY:
            raise _TransferRefusal(NOTIMP, "no query")
        if len(message.questions) != 1:
            raise _TransferRefusal(FORMERR, f"{len(message.questions)} questions")
        zone = self.zones.get(message.questions[0].qname)
        if zone is None or message.questions[0].qclass != IN:
            raise _TransferRefusal(REFUSED, f"no zone {shown(message.questions[0].qname)}")
        name, rights = shown(zone.plan.name), zone.rights
        if not any(address in network for network in rights.clients):
            raise _TransferRefusal(REFUSED, f"zone {name} may not be fetched from there")
        if rights.key is not None and key != rights.key:
            raise _TransferRefusal(
                REFUSED, f"zone {name} is for {rights.key!r}, the request is signed by {key or 'no key'!s}"
            )
        if zone.edition is None:
            raise _TransferRefusal(SERVFAIL, f"zone {name} is not ready yet")
        return zone, zone.edition


def _content(
    message: Message, zone: ServedZone, edition: Edition, is_stream: bool
) -> tuple[Iterator[Sequence[bytes]], str]:
    """The records of the answer, in blocks, and what a transfer is called; "" for none."""
    qtype, soa = message.questions[0].qtype, zone.soa(edition.serial)
    if qtype == SOA:
        return iter([[soa]]), ""
    if qtype == NS:
        return iter([[NS_RECORD]]), ""
    if qtype == IXFR:
        theirs = _serial_asked_from(message)
        if not is_newer(edition.serial, theirs) or not is_stream:  # over UDP: "come over TCP" (RFC 1995 §2)
            return iter([[soa]]), ""
        differences = zone.since(theirs)
        if differences is not None:
            return _steps(zone, differences, soa), f"{shown(zone.plan.name)}: IXFR from {theirs} to {edition.serial}"
    elif qtype != AXFR:
        raise _TransferRefusal(REFUSED, f"a query of type {qtype}; this server is not a resolver")
    elif not is_stream:
        raise _TransferRefusal(FORMERR, "an AXFR over UDP")  # RFC 5936 §4.2: not defined
    return _whole(edition, soa), f"{shown(zone.plan.name)}: AXFR of {edition.serial}"


def _serial_asked_from(message: Message) -> int:
    try:
        return read_soa(message.authorities[0]).serial
    except (BadMessage, IndexError):
        raise _TransferRefusal(FORMERR, "an IXFR without a serial") from None


def _whole(edition: Edition, soa: bytes) -> Iterator[Sequence[bytes]]:
    yield [soa, NS_RECORD]
    yield from edition.blocks()
    yield [soa]


def _steps(zone: ServedZone, differences: Iterable[Difference], soa: bytes) -> Iterator[Sequence[bytes]]:
    yield [soa]
    for difference in differences:
        yield [zone.soa(difference.before)]
        yield difference.removed
        yield [zone.soa(difference.after)]
        yield difference.added
    yield [soa]


class _Head:
    """Header and question of the answers to one request."""

    def __init__(self, octets: bytes, message: Message) -> None:
        self._id, self._flags, self._question = message.id, message.flags & (OPCODE_MASK | RD) | QR | AA, b""
        if len(message.questions) == 1:
            # As it was written; nothing stands before it that it could point to.
            self._question = octets[HEADER_OCTETS : HEADER_OCTETS + len(message.questions[0].qname) + 4]
        self.n_octets = HEADER_OCTETS + len(self._question)

    def message(self, records: Sequence[bytes], rcode: int = NOERROR) -> bytes:
        """A whole message."""
        flags = self._flags | rcode if rcode == NOERROR else (self._flags | rcode) & ~AA
        header = _HEADER.pack(self._id, flags, bool(self._question), len(records), 0, 0)
        return header + self._question + b"".join(records)


def _packed(head: _Head, blocks: Iterable[Sequence[bytes]]) -> Iterator[bytes]:
    """Pack as many records as fit into each message."""
    records: list[bytes] = []
    n_octets = head.n_octets
    for block in blocks:
        for record in block:
            n_octets += len(record)
            if n_octets > MESSAGE_OCTETS:
                yield head.message(records)
                records, n_octets = [], head.n_octets + len(record)
            records.append(record)
    yield head.message(records)


def _bare(octets: bytes, rcode: int, why: str) -> Answer:
    """Make an answer without question or record, shorter than any request."""
    return Answer(iter((_bare_octets(octets, rcode),)), refused=f"{rcode_text(rcode)}: {why}")


def _bare_octets(octets: bytes, rcode: int) -> bytes:
    identity, flags = struct.unpack_from(">HH", octets)
    return _HEADER.pack(identity, flags & (OPCODE_MASK | RD) | QR | rcode, 0, 0, 0, 0)
