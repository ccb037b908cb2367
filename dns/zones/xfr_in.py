"""Inbound zone transfers: pulls a zone or its changes from a primary over TCP or TLS.

    IXFR from our serial → nothing new | changes | the whole zone;   refused → SOA → AXFR where it is newer

Invariants: with a key, nothing unsigned is accepted, the last message included; a transfer ends within `seconds` and
`max_octets`; any input gives a ZoneTransfer or TransferFailure.  After a failure, discard what was passed to `whole`.
Source: RFC 5936 §4 (connections, TSIG), RFC 1995, RFC 9103 §7 (XoT: ALPN dot, TLS 1.3), RFC 8945 §5.3.1.
Cost: some 4 µs a record, its signature included; memory of one message, and of the changes.
"""

import asyncio
import contextlib
import secrets
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from dns.base.endpoints import Endpoint
from dns.base.errors import TransferFailure
from dns.base.length_prefix import MAX_MESSAGE_OCTETS, framed, read_framed
from dns.base.message import (
    BadMessage,
    Message,
    Question,
    Record,
    is_newer,
    read_message,
    shown,
    write_message,
)
from dns.base.wire_format import AXFR, IXFR, NOERROR, QR, QUERY, RCODE_MASK, SOA, TC, flags_of, rcode_text
from dns.zones.ixfr import Change, IncomingTransfer, Kind, Whole
from dns.zones.tsig import AnswerChecker, BadSignature, Key, sign_query

ALPN: Final = "dot"  # RFC 9103 §7.1
NO_TIMERS: Final = b"\0" * 16  # of the SOA that says our serial; a primary reads nothing else of it


class Limits(NamedTuple):
    """Limits of one transfer."""

    seconds: float = 120.0
    max_octets: int = 64 << 20  # of messages
    max_changes: int = 100_000  # records: some 50 MB while they are held


@dataclass(frozen=True, slots=True)
class Primary:
    """A primary of a zone.   key None: unsigned;   tls None: plain TCP;   tls_name  the certificate's name"""

    endpoint: Endpoint
    key: Key | None = None
    tls: ssl.SSLContext | None = None
    tls_name: str | None = None

    def __str__(self) -> str:
        return f"{self.endpoint}{' over TLS' if self.tls else ''}"


@dataclass(slots=True)
class ZoneTransfer:
    """A finished transfer.   soa  the zone's newest;   changes  of Kind.CHANGES, joined from our serial to `serial`"""

    kind: Kind
    soa: Record
    serial: int
    changes: list[Change] = field(default_factory=list)


def tls_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """TLS to a primary (RFC 9103 §7.2, §8).   Raises OSError.

    ca                 None: the system's authorities
    certificate, key   ours, if the primary asks for one"""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN])
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


async def transfer(primary: Primary, apex: bytes, serial: int | None, whole: Whole, limits: Limits) -> ZoneTransfer:
    """Transfer the changes of a zone since `serial`, or the whole zone where that is None.

    whole   takes the SOA, then every record, where the whole zone comes
    Raises TransferFailure; TooManyChanges."""
    try:
        async with asyncio.timeout(limits.seconds):
            if serial is None:
                return await _fetch(primary, apex, None, whole, limits)
            try:
                return await _fetch(primary, apex, serial, whole, limits)
            except _NoIxfr:
                return await _fetch_if_newer(primary, apex, serial, whole, limits)
    except TimeoutError:
        raise TransferFailure(f"{primary}: no end of the transfer within {limits.seconds:g} s") from None
    except _NoIxfr as reason:
        raise TransferFailure(str(reason)) from None
    except (BadMessage, BadSignature) as reason:
        raise TransferFailure(f"{primary}: {reason}") from None
    except asyncio.IncompleteReadError:
        raise TransferFailure(f"{primary}: the connection was closed in the middle of the transfer") from None
    except ssl.SSLError as reason:
        raise TransferFailure(f"{primary}: TLS: {reason.reason or reason}") from None
    except OSError as reason:
        raise TransferFailure(f"{primary}: {reason.strerror or reason}") from None


class _NoIxfr(Exception):
    """The primary does not answer an IXFR; it may answer an AXFR."""


async def _fetch_if_newer(primary: Primary, apex: bytes, serial: int, whole: Whole, limits: Limits) -> ZoneTransfer:
    """For a primary without IXFR: transfer the whole zone only if it is newer."""
    async with _Connection(primary, limits) as connection:
        await connection.ask(Question(apex, SOA))
        message = await connection.read()
        connection.finish()
    _require_answer(primary, message, Question(apex, SOA), is_first=True)
    found = IncomingTransfer(apex, serial, whole, 0)
    found.take(message.answers[:1])
    if found.is_complete:
        return _current(primary, found, serial)
    return await _fetch(primary, apex, None, whole, limits)


async def _fetch(primary: Primary, apex: bytes, serial: int | None, whole: Whole, limits: Limits) -> ZoneTransfer:
    """Do one IXFR, or an AXFR where serial is None."""
    question = Question(apex, AXFR if serial is None else IXFR)
    ours = [] if serial is None else [Record(apex, SOA, 1, 0, b"\0\0" + serial.to_bytes(4, "big") + NO_TIMERS)]
    incoming = IncomingTransfer(apex, serial, whole, limits.max_changes)
    async with _Connection(primary, limits) as connection:
        await connection.ask(question, ours)
        is_first = True
        while not incoming.is_complete:
            message = await connection.read()
            if is_first and serial is not None and message.rcode != NOERROR:
                raise _NoIxfr(f"{primary}: {rcode_text(message.rcode)} for {shown(apex)}")
            _require_answer(primary, message, question, is_first)
            incoming.take(message.answers)
            is_first = False
        connection.finish()
    assert incoming.kind is not None
    if incoming.kind is Kind.CURRENT:
        return _current(primary, incoming, serial)
    return ZoneTransfer(incoming.kind, incoming.soa, incoming.serial, incoming.changes)


def _current(primary: Primary, incoming: IncomingTransfer, serial: int | None) -> ZoneTransfer:
    if serial is not None and is_newer(serial, incoming.serial):
        raise TransferFailure(f"{primary}: its serial {incoming.serial} is older than ours, {serial}")
    return ZoneTransfer(Kind.CURRENT, incoming.soa, incoming.serial)


def _require_answer(primary: Primary, message: Message, question: Question, is_first: bool) -> None:
    if message.rcode != NOERROR:
        raise TransferFailure(f"{primary}: {rcode_text(message.rcode)} for {shown(question.qname)}")
    # RFC 5936 §2.2.1: the first message repeats the question, the others may leave it out.
    if message.questions != [question] and (is_first or message.questions):
        raise BadMessage("the answer is to another question")
    if not message.answers:
        raise BadMessage("a message without a record")


class _Connection:
    """One connection, one request; entered, it is open."""

    def __init__(self, primary: Primary, limits: Limits) -> None:
        self._primary = primary
        self._left = limits.max_octets
        self._max_octets = limits.max_octets
        self._checker: AnswerChecker | None = None
        self._id = 0

    async def __aenter__(self) -> "_Connection":
        host, port = self._primary.endpoint
        name = self._primary.tls_name if self._primary.tls else None
        self._reader, self._writer = await asyncio.open_connection(
            host, port, ssl=self._primary.tls, server_hostname=name, limit=2 * MAX_MESSAGE_OCTETS
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()  # no goodbye is waited for: what was needed has come, or never will
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def ask(self, question: Question, authorities: list[Record] | None = None) -> None:
        self._id = secrets.randbits(16)
        octets = write_message(self._id, 0, [question], (), authorities or [])
        if self._primary.key is not None:
            octets, mac = sign_query(octets, self._primary.key, int(time.time()))
            self._checker = AnswerChecker(self._primary.key, mac)
        self._writer.write(framed(octets))
        await self._writer.drain()

    async def read(self) -> Message:
        """Read the next message and verify it."""
        try:
            octets = await read_framed(self._reader, self._left)
        except ValueError:
            most = f"more than {self._max_octets >> 10} KiB; raise max_octets if it may"
            raise TransferFailure(f"{self._primary}: {most}") from None
        self._left -= len(octets)
        if self._checker is not None:
            octets = self._believed(self._checker, octets)
        message = read_message(octets)
        if message.id != self._id or not message.flags & QR or message.flags & TC or message.opcode != QUERY:
            raise BadMessage("no answer to our request")
        return message

    def _believed(self, checker: AnswerChecker, octets: bytes) -> bytes:
        try:
            return checker.check(octets, int(time.time()))
        except BadSignature as reason:
            rcode = flags_of(octets) & RCODE_MASK
            said = f" ({rcode_text(rcode)})" if rcode else ""
            raise TransferFailure(f"{self._primary}: {reason}{said}") from None

    def finish(self) -> None:
        if self._checker is not None:
            self._checker.finish()
