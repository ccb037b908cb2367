"""What clients send, in pieces with names: hellos and records, requests and bodies.

A stream is a sequence of these names.  `LISTED` is on a list, `ALLOWED` is on none, and both have the same length: so
the decoy of a stream is the same stream with the other name.
"""

import functools
import struct
from collections.abc import Callable

from support.evasion import hellos
from support.packets.builders import records, request, server_name

LISTED, ALLOWED = b"www.order.test", b"www.allow.test"
TLS, HTTP = 443, 80
P384 = 0x0018
# The base point of P-384 (SP 800-186): a public key that every server takes.
_POINT = bytes.fromhex(
    "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"
    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"
)
_ENTRY = struct.pack("!HH", P384, len(_POINT)) + _POINT
_SHARE = hellos.extension(51, struct.pack("!H", len(_ENTRY)) + _ENTRY)
_EARLY_DATA = hellos.extension(42, b"")
LARGE = 60_000  # octets of a hello that nearly fills a window


def _hello(name: bytes, *more: bytes, shares: tuple[int, ...] | None = None, size: int = 512) -> bytes:
    return hellos.message([server_name(name), *hellos.extensions(shares=shares), *more], size)


def _on_p384(name: bytes, *more: bytes) -> bytes:
    return hellos.message([server_name(name), *hellos.extensions()[:-3], _SHARE, *hellos.extensions()[-2:], *more], 512)


def _with_octets_behind(message: bytes) -> bytes:
    """A hello whose extensions end before it does."""
    return message[:1] + (len(message) - 4 + 3).to_bytes(3, "big") + message[4:] + b"xxx"


def _kind(kind: int, n: int) -> bytes:
    return records(b"x" * n, kind=kind)


# What an innocent client says of the listed name in a body.
_LOG = b'192.0.2.9 - - [01/Dec/2026:21:00:00 +0500] "GET http://' + LISTED + b'/ HTTP/1.1" 200 512\n'
_QUOTE = b'{"query": {"match": {"line": "GET http://' + LISTED + b'/ HTTP/1.1"}}}'
Piece = Callable[[bytes], bytes]
TLS_PIECES: dict[str, Piece] = {
    "hello": lambda name: records(_hello(name)),
    "hello in records of 9": lambda name: records(_hello(name), 9),
    "hello in records of 255": lambda name: records(_hello(name), 255),
    "hello without a share": lambda name: records(_hello(name, shares=())),
    "hello with early data": lambda name: records(_hello(name, _EARLY_DATA, shares=())),
    "hello on P-384": lambda name: records(_on_p384(name)),
    "large hello": lambda name: records(_hello(name, size=LARGE)),
    "large hello without a share": lambda name: records(_hello(name, shares=(), size=LARGE)),
    "hello in a record of version 0": lambda name: b"\x16\0\0" + records(_hello(name))[3:],
    "hello in a record of version 5": lambda name: b"\x16\x05\x01" + records(_hello(name))[3:],
    "hello in a record of 20000": lambda name: records(_hello(name, size=20000), 20000),
    "hello with octets behind it": lambda name: records(_with_octets_behind(_hello(name))),
    "hello of TLS 1.2": lambda name: records(hellos.message([server_name(name), *hellos.extensions()[:-3]], 0)),
    "two hellos in a record": lambda name: records(_hello(ALLOWED, shares=()) + _hello(name)),
    "change of cipher": lambda _: b"\x14\x03\x03\x00\x01\x01",
    "encrypted": lambda _: _kind(23, 40),
    "long encrypted": lambda _: _kind(23, 16000),
    "alert": lambda _: b"\x15\x03\x03\x00\x02\x01\x00",
    "empty record": lambda _: b"\x16\x03\x01\x00\x00",
    "handshake": lambda _: _kind(22, 40),
    "junk": lambda _: b"\x00" * 30,
}
HTTP_PIECES: dict[str, Piece] = {
    "GET": lambda name: request(name),
    "GET of a URL": lambda name: b"GET http://" + name + b"/ HTTP/1.1\r\nHost: " + name + b"\r\n\r\n",
    "GET with line feeds": lambda name: request(name).replace(b"\r\n", b"\n"),
    "GET of HTTP/1.0": lambda name: request(name).replace(b"1.1", b"1.0"),
    "GET without its end": lambda name: request(name)[:-2],
    "GET with an odd method in it": lambda name: (
        request(ALLOWED, more=b"Content-Length: 200\r\n") + request(name, method=b"odd").ljust(200, b"x")
    ),
    "GET that quotes a request": lambda _: request(ALLOWED, more=b"Content-Length: %d\r\n" % len(_QUOTE)) + _QUOTE,
    "POST of a log": lambda _: (
        request(ALLOWED, method=b"POST", more=b"Content-Length: %d\r\n" % (20 * len(_LOG))) + _LOG * 20
    ),
    "POST of a log in chunks": lambda _: (
        request(ALLOWED, method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
        + 20 * (b"%x\r\n" % len(_LOG) + _LOG + b"\r\n")
        + b"0\r\n\r\n"
    ),
    "GET with a body": lambda name: request(ALLOWED, more=b"Content-Length: 200\r\n") + request(name) + b"x" * 120,
    "POST": lambda name: request(name, method=b"POST", more=b"Content-Length: 10\r\n") + b"0123456789",
    "POST with a request in it": lambda name: (
        request(ALLOWED, method=b"POST", more=b"Content-Length: %d\r\n" % len(request(name))) + request(name)
    ),
    "POST that is long": lambda _: request(ALLOWED, method=b"POST", more=b"Content-Length: 9000\r\n") + b"x" * 9000,
    "POST that is longer": lambda _: request(ALLOWED, method=b"POST", more=b"Content-Length: 60000\r\n") + b"x" * 60000,
    "POST in chunks": lambda _: (
        request(ALLOWED, method=b"POST", more=b"Transfer-Encoding: chunked\r\n") + b"5\r\nabcde\r\n0\r\n\r\n"
    ),
    "POST in a long chunk": lambda _: (
        request(ALLOWED, method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
        + b"2328\r\n"
        + b"GET / HTTP/1.1 ".ljust(9000, b"x")
        + b"\r\n0\r\n\r\n"
    ),
    "long head": lambda name: request(name, more=b"X: " + b"y" * 6000 + b"\r\n"),
    "blank lines": lambda _: b"\r\n\r\n",
    "octet of zero": lambda _: b"\x00",
    "junk": lambda _: b"junk\r\n",
}
# Too long to be played often.
HUGE_PIECES: dict[str, Piece] = {
    "POST that is huge": lambda _: (
        request(ALLOWED, method=b"POST", more=b"Content-Length: 9500000\r\n") + b"x" * 9500000
    ),
}
PIECES = {TLS: TLS_PIECES, HTTP: HTTP_PIECES | HUGE_PIECES}


@functools.cache
def octets_of(port: int, stream: tuple[str, ...], is_decoy: bool = False) -> bytes:
    """The octets of a stream.   A piece is for the listed name where its name ends in `!`."""
    found = b""
    for piece in stream:
        name = LISTED if piece.endswith("!") and not is_decoy else ALLOWED
        found += PIECES[port][piece.rstrip("!")](name)
    return found
