"""Netfilter's netlink protocol: requests, acknowledgements and dumps.

    message   length u32, type u16, flags u16, sequence u32, port u32 | family u8, version u8, resource u16 | attributes
    attribute length u16, type u16 | value, padded to four octets

Invariants: the kernel executes a request within send(): every acknowledgement is in the socket when send() returns.
A socket belongs to the network namespace of the thread that opened it.
Absent on purpose: events, and any cache.  pyroute2, which the laboratory uses, implements this protocol too.  But it
takes 430 ms to encode 10,000 intervals (nft_elements: 1 ms), sends no generation, and reports no refused message.
Source: netlink(7); linux/netlink.h, nfnetlink.h.
Cost: 20 µs a socket (bench/lock.py).
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

NETLINK_NETFILTER = 12
# Beyond the system's limits, as CAP_NET_ADMIN may: a transaction is one datagram; 100,000 intervals take 4 MiB.
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
SEND_OCTETS, RECEIVE_OCTETS = 256 << 20, 8 << 20
CHUNK_OCTETS = 65_536  # the kernel makes parts of a dump no longer than 32 KiB

F_REQUEST, F_ACK, F_DUMP, F_CREATE = 0x01, 0x04, 0x300, 0x400
ERROR, DONE = 2, 3
NESTED = 0x8000
HEADER_OCTETS = 20  # netlink's and netfilter's
DONE_OCTETS = 20  # netlink's header, and minus an errno

_HEADER = struct.Struct("=IHHII")
_NETFILTER = struct.Struct(">BBH")
_ATTRIBUTE = struct.Struct("=HH")
_DONE = struct.pack("=IH", DONE_OCTETS, DONE)


class Message(NamedTuple):
    """One received message: chunk[at:end]."""

    kind: int
    flags: int
    sequence: int
    chunk: bytes
    at: int
    end: int


class Answer(NamedTuple):
    """An acknowledgement.   fault: an errno, 0 for success."""

    sequence: int
    fault: int


class Netlink:
    """A socket to this namespace's netfilter.   Raises RuntimeError where the process may not change it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SEND_OCTETS)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_OCTETS)
            self._socket.bind((0, 0))
        except PermissionError as exc:
            self._socket.close()
            cure = "run as root or grant cap_net_admin"
            raise RuntimeError(f"netfilter: not permitted; nothing was changed; {cure}") from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, messages: bytes) -> list[Answer]:
        """Send messages; returns the acknowledgements that they ask for, and those of refused messages.

        Raises OSError: ENOBUFS where the receive buffer was too small, so that the outcome is unknown."""
        self._socket.send(messages)
        return [answer_of(each) for chunk in self._waiting() for each in split(chunk) if each.kind == ERROR]

    def ask(self, message: bytes) -> Message:
        """Send one request; returns its only answer.   Raises OSError with the kernel's errno."""
        self._socket.send(message)
        found = next(split(self._socket.recv(CHUNK_OCTETS)))
        _raise_refusal(found)
        return found

    def dump(self, message: bytes) -> Iterator[bytes]:
        """Send one request; yields its answer in parts of whole messages.   Raises OSError with the kernel's errno."""
        self._socket.send(message)
        is_done = False
        while not is_done:
            chunk = self._socket.recv(CHUNK_OCTETS)
            _raise_refusal(next(split(chunk)))
            is_done = _is_done(chunk)
            if is_done:
                _raise(answer_of(Message(ERROR, 0, 0, chunk, len(chunk) - DONE_OCTETS, len(chunk))).fault)
                chunk = chunk[:-DONE_OCTETS]
            if chunk:
                yield chunk

    def _waiting(self) -> Iterator[bytes]:
        while True:
            try:
                yield self._socket.recv(CHUNK_OCTETS, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return


def message(kind: int, flags: int, sequence: int, family: int, attributes: bytes = b"", resource: int = 0) -> bytes:
    """One request.   kind: subsystem << 8 | type;  family: NFPROTO_*;  resource: a batch's subsystem."""
    body = _NETFILTER.pack(family, 0, resource) + attributes
    return _HEADER.pack(_HEADER.size + len(body), kind, flags | F_REQUEST, sequence, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded.   kind: with NESTED where the value is attributes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def split(chunk: bytes) -> Iterator[Message]:
    """The messages of one received part.   A malformed one ends the iteration."""
    at = 0
    while at + _HEADER.size <= len(chunk):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(chunk, at)
        if not _HEADER.size <= length <= len(chunk) - at:
            return
        yield Message(kind, flags, sequence, chunk, at, at + length)
        at += (length + 3) & ~3


def attributes(chunk: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(type without flags, begin and end of the value) of the attributes in chunk[at:end], up to a malformed one."""
    while at + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(chunk, at)
        if not _ATTRIBUTE.size <= length <= end - at:
            return
        yield kind & 0x3FFF, at + _ATTRIBUTE.size, at + length
        at += (length + 3) & ~3


def answer_of(found: Message) -> Answer:
    """Parse a message of kind ERROR: a negative errno, then the header of the request."""
    if found.end - found.at < _HEADER.size + 4:
        return Answer(found.sequence, errno.EPROTO)
    return Answer(found.sequence, -int(struct.unpack_from("=i", found.chunk, found.at + _HEADER.size)[0]))


def _is_done(chunk: bytes) -> bool:
    """Whether the last message ends the dump; others may precede it."""
    last = chunk[-DONE_OCTETS:]
    # the messages are only parsed where the last octets look like it
    return last[:6] == _DONE and list(split(chunk))[-1].kind == DONE


def _raise_refusal(found: Message) -> None:
    if found.kind == ERROR:
        _raise(answer_of(found).fault)


def _raise(fault: int) -> None:
    if fault:
        raise OSError(fault, os.strerror(fault))
