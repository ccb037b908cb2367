"""Accounting requests as a NAS sends them, made octet by octet, and sessions for tables."""

import hashlib
import struct
from ipaddress import ip_address, ip_network

from parental.sessions.record import LIVES, Session, slot_of

SECRET = b"a secret of 24 octets..."
START, STOP, INTERIM, ON, OFF = 1, 2, 3, 7, 8


def attribute(number: int, value: bytes) -> bytes:
    return bytes([number, len(value) + 2]) + value


def number(value: int) -> bytes:
    return struct.pack("!I", value)


def accounting(*attributes: bytes, secret: bytes = SECRET, identifier: int = 7, code: int = 4) -> bytes:
    """A request with its authenticator (RFC 2866 §3)."""
    body = b"".join(attributes)
    head = struct.pack("!BBH", code, identifier, 20 + len(body))
    return head + hashlib.md5(head + bytes(16) + body + secret).digest() + body


def prefix6(text: str) -> bytes:
    network = ip_network(text)
    return bytes([0, network.prefixlen]) + network.network_address.packed


def told(
    status: int,
    session: str = "s1",
    user: str = "flat3",
    *,
    at_s: int | None = None,
    address: str | None = None,
    prefix: str | None = None,
    lasted_s: int | None = None,
    nas: str = "bng1",
    identifier: int = 7,
    secret: bytes = SECRET,
) -> bytes:
    """A request that a NAS would send."""
    parts = [attribute(40, number(status)), attribute(44, session.encode()), attribute(32, nas.encode())]
    parts += [attribute(1, user.encode())]
    parts += [attribute(8, ip_address(address).packed)] if address else []
    parts += [attribute(123, prefix6(prefix))] if prefix else []
    parts += [attribute(46, number(lasted_s))] if lasted_s is not None else []
    parts += [attribute(55, number(at_s))] if at_s is not None else []
    return accounting(*parts, identifier=identifier, secret=secret)


def is_answer(answer: bytes, request: bytes, secret: bytes = SECRET) -> bool:
    """Whether an answer is that of a request (RFC 2866 §3)."""
    expected = hashlib.md5(answer[:4] + request[4:20] + answer[20:] + secret).digest()
    return answer[0] == 5 and answer[1] == request[1] and answer[4:20] == expected


def session(
    key: int = 1,
    *prefixes: str,
    profile: int = 7,
    began_s: int = 100,
    at_s: int | None = None,
    nas: int = 1,
    who: int = 0,
) -> Session:
    """A session that lives.   prefixes: an IPv4 address first, then IPv6"""
    four = [slot_of(ip_network(each)) for each in prefixes if ":" not in each] or [b""]
    six = [slot_of(ip_network(each)) for each in prefixes if ":" in each] + [b"", b"", b""]
    return Session(
        LIVES,
        key.to_bytes(16, "big"),
        nas.to_bytes(8, "big"),
        (who or key).to_bytes(16, "big"),
        profile,
        began_s,
        began_s if at_s is None else at_s,
        (four[0], six[0], six[1], six[2]),
    )
