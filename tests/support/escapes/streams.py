"""Octets that clients say in escapes."""

from support.evasion import hellos
from support.evasion.hellos import extension, extensions, message
from support.packets.builders import records, request, server_name

ALLOWED = b"www.allowed.test"
EARLY_DATA = 42


def hello(name: bytes) -> bytes:
    return records(hellos.classic(name))


def unpadded_hello(name: bytes) -> bytes:
    """Its last octet is not zero."""
    return records(message([server_name(name), *extensions()]))


def asking_for_retry(name: bytes) -> bytes:
    """A hello that a server answers with a HelloRetryRequest."""
    return records(hellos.retried(name))


def early(name: bytes) -> bytes:
    """The same of a client that goes on with early data at once."""
    return records(message([server_name(name), extension(EARLY_DATA, b""), *extensions(shares=())]))


def long_hello(name: bytes, n: int, shares: tuple[int, ...] | None = None) -> bytes:
    """A hello with its name behind `n` octets.   shares (): it asks for a HelloRetryRequest"""
    filling = [extension(0xFE00 + at // 4000, bytes(min(4000, n - at))) for at in range(0, n, 4000)]
    return records(message([*filling, *extensions(shares=shares), server_name(name)]))


def record_of_data(n: int) -> bytes:
    """A record of encrypted data, which no server can open."""
    return records(bytes(n), kind=23)


def get(name: bytes, more: bytes = b"") -> bytes:
    return request(name, more=more)
