"""Readers of a client's octets that we did not write, in this process: which names a server takes from them.

    any TLS            ours: hellos in records of any version and length, with octets behind their extensions
    OpenSSL            a TLS server; also one that asks with a HelloRetryRequest for a key share on another curve
    http.server        Python's, which reads no body of a GET
    h11                that of uvicorn and hypercorn
    llhttp, aiohttp    the C parser of Node.js and aiohttp, and aiohttp's own one in Python

Each takes octets as they arrive in order, and notes a name as soon as it would serve it.
"""

import asyncio
import functools
import io
import ssl
import struct
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit

import aiohttp.http_parser
import h11
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from support.system.certificates import make_certificate

MOST_OCTETS = 65536  # what a server's answer may take of a connection
RECORD_HEAD, MESSAGE_HEAD = 5, 4  # octets
HANDSHAKE, CHANGE_CIPHER_SPEC, APPLICATION_DATA = 22, 20, 23
CLIENT_HELLO = 1
MOST_HELLOS = 2
EARLY_DATA = b"\0\x2a\0\0"
# A HelloRetryRequest (RFC 8446 §4.1.4) for a key share on P-384.
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_RETRY_BODY = b"\x03\x03" + _RETRY_RANDOM + bytes.fromhex("00 1301 00 000c 002b00020304 003300020018")
RETRY = b"\x16\x03\x03" + struct.pack("!HBBH", len(_RETRY_BODY) + 4, 2, 0, len(_RETRY_BODY)) + _RETRY_BODY
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Reader(ABC):
    """One connection's reader."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.is_over = False
        """It reads no further, and its server ends the connection."""

    def feed(self, octets: bytes, has_ended: bool) -> bytes:
        """The next octets in order, and whether the client has sent its FIN; what the server answers."""
        return b"" if self.is_over else self._feed(octets, has_ended)

    @abstractmethod
    def _feed(self, octets: bytes, has_ended: bool) -> bytes: ...

    def _serve(self, host: str, target: str) -> None:
        """Note the host of a request: its own line and the target's authority, as servers choose either."""
        authority = urlsplit(target).netloc if "://" in target else ""
        for each in (host, authority):
            if name := each.strip().rpartition("@")[2].partition(":")[0].lower():
                self.served.append(name)


# -- TLS ---------------------------------------------------------------------------------------------------------------


class _Named(ssl.SSLObject):
    """A connection that knows its reader."""

    reader: "TlsReader"


@functools.cache
def tls_context(curve: str) -> ssl.SSLContext:
    """A server's context.   curve: the only one on which it takes a key share; empty: those of OpenSSL's defaults"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Named
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(*make_certificate(Path(folder), "allowed.test"))
    if curve:
        context.set_ecdh_curve(curve)
    context.sni_callback = _note_name
    return context


def _note_name(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
    assert isinstance(connection, _Named)
    connection.reader.served.append(name or "")


class TlsReader(Reader):
    """OpenSSL."""

    def __init__(self, curve: str = "") -> None:
        super().__init__()
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        connection = tls_context(curve).wrap_bio(self._in, self._out, server_side=True)
        assert isinstance(connection, _Named)
        connection.reader = self
        self._connection = connection

    def _feed(self, octets: bytes, has_ended: bool) -> bytes:
        self._in.write(octets)
        if has_ended:
            self._in.write_eof()
        try:
            self._connection.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.is_over = True
        return self._out.read()


class AnyTlsReader(Reader):
    """A server that asks each client for another hello, and takes what one server or another takes.

    OpenSSL takes none of it; JSSE and Go's crypto/tls take other versions of a record, and others longer ones."""

    def __init__(self) -> None:
        super().__init__()
        self._octets, self._messages = b"", b""
        self._has_early_data = False

    def _feed(self, octets: bytes, has_ended: bool) -> bytes:
        has_asked = bool(self.served)
        self._octets += octets
        while len(self._octets) >= RECORD_HEAD and not self.is_over:
            kind, _, n = struct.unpack_from("!BHH", self._octets)
            record, behind = self._octets[RECORD_HEAD : RECORD_HEAD + n], self._octets[RECORD_HEAD + n :]
            if len(record) < n:
                break
            self._octets = behind
            if kind == HANDSHAKE:
                self._messages += record
                self._take_hellos()
            else:
                self.is_over = kind != CHANGE_CIPHER_SPEC and not (kind == APPLICATION_DATA and self._has_early_data)
        return RETRY if self.served and not has_asked else b""

    def _take_hellos(self) -> None:
        while len(self._messages) >= MESSAGE_HEAD and not self.is_over:
            n = int.from_bytes(self._messages[1:MESSAGE_HEAD], "big")
            if len(self._messages) < MESSAGE_HEAD + n:
                break
            kind, hello = self._messages[0], self._messages[MESSAGE_HEAD : MESSAGE_HEAD + n]
            self._messages = self._messages[MESSAGE_HEAD + n :]
            try:
                self.served.append(name_in(hello) if kind == CLIENT_HELLO else "")
            except (IndexError, struct.error):
                self.is_over = True
            self._has_early_data = EARLY_DATA in hello
            self.is_over |= kind != CLIENT_HELLO or len(self.served) == MOST_HELLOS


def name_in(hello: bytes) -> str:
    """The name of a ClientHello, whatever is behind its extensions."""
    at = 34  # behind version and random
    for width in (1, 2, 1):
        at += width + int.from_bytes(hello[at : at + width], "big")
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    while at < end:
        kind, n = struct.unpack_from("!HH", hello, at)
        if kind == 0:
            return hello[at + 9 : at + 4 + n].decode("latin-1")
        at += 4 + n
    return ""


# -- HTTP --------------------------------------------------------------------------------------------------------------


class _NoMoreOctets(Exception):
    """The octets so far have no end of a line: the server waits."""


class _Arrived(io.BytesIO):
    """What has arrived; a read behind it raises, unless the client has ended."""

    has_ended = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n") and not self.has_ended and len(line) != size:
            raise _NoMoreOctets
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        octets = super().read(size)
        if size is not None and len(octets) < size and not self.has_ended:
            raise _NoMoreOctets
        return octets


class _Handler(BaseHTTPRequestHandler):
    """Python's http.server on one request of what has arrived."""

    protocol_version = "HTTP/1.1"

    def __init__(self, arrived: _Arrived, reader: Reader) -> None:
        self.rfile, self.answer = arrived, io.BytesIO()
        self.wfile = self.answer
        self.reader = reader
        self.close_connection = True
        self.client_address = ("192.0.2.1", 1)

    def do_GET(self) -> None:
        self.reader._serve(self.headers.get("Host", ""), self.path)
        self.answer.write(OK)

    do_HEAD = do_odd = do_GET  # noqa: N815

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        self.rfile.read(int(length) if length.isdecimal() else 0)
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """It writes nothing."""


class HttpServerReader(Reader):
    """http.server: it is asked again from the request's first octet, as it waits inside of a read."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = b""

    def _feed(self, octets: bytes, has_ended: bool) -> bytes:
        self._kept += octets
        answers = b""
        while (self._kept or has_ended) and not self.is_over:
            arrived = _Arrived(self._kept)
            arrived.has_ended = has_ended
            handler = _Handler(arrived, self)
            n_served = len(self.served)
            try:
                handler.handle_one_request()
            except _NoMoreOctets:
                del self.served[n_served:]
                break
            self.is_over = handler.close_connection
            self._kept = self._kept[arrived.tell() :]
            answers += handler.answer.getvalue()
        return answers


class H11Reader(Reader):
    """h11."""

    def __init__(self) -> None:
        super().__init__()
        self._connection = h11.Connection(h11.SERVER)

    def _feed(self, octets: bytes, has_ended: bool) -> bytes:
        answers = b""
        try:
            if octets:
                self._connection.receive_data(octets)
            while not isinstance(event := self._connection.next_event(), type):
                answers += self._take(event)
        except h11.RemoteProtocolError:
            self.is_over = True
        return answers

    def _take(self, event: h11.Event) -> bytes:
        if isinstance(event, h11.Request):
            host = b",".join(value for name, value in event.headers if name == b"host")
            self._serve(host.decode("latin-1"), event.target.decode("latin-1"))
        elif isinstance(event, h11.EndOfMessage):
            c = self._connection
            answer = c.send(h11.Response(status_code=200, headers=[("Content-Length", "0")])) or b""
            answer += c.send(h11.EndOfMessage()) or b""
            if c.our_state is c.their_state is h11.DONE:
                c.start_next_cycle()
            return answer
        return b""


_PROTOCOL, _LOOP = Mock(spec=BaseProtocol), Mock(spec=asyncio.AbstractEventLoop)


class AiohttpReader(Reader):
    """The parsers of aiohttp: llhttp's C, and the one in Python."""

    def __init__(self, is_c: bool) -> None:
        super().__init__()
        kind = aiohttp.http_parser.HttpRequestParser if is_c else aiohttp.http_parser.HttpRequestParserPy
        self._parser = kind(_PROTOCOL, _LOOP, MOST_OCTETS)

    def _feed(self, octets: bytes, has_ended: bool) -> bytes:
        try:
            messages, is_upgraded, _ = self._parser.feed_data(octets)
        except (HttpProcessingError, ValueError):
            self.is_over = True
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"
        for message, _ in messages:
            self._serve(message.headers.get("Host", ""), message.path)
        self.is_over = is_upgraded
        return OK * len(messages)


READERS: dict[str, Callable[[], Reader]] = {
    "OpenSSL": TlsReader,
    "any TLS": AnyTlsReader,
    "OpenSSL P-384": functools.partial(TlsReader, "secp384r1"),
    "http.server": HttpServerReader,
    "h11": H11Reader,
    "llhttp": functools.partial(AiohttpReader, True),
    "aiohttp": functools.partial(AiohttpReader, False),
}
TLS_READERS = ("OpenSSL", "OpenSSL P-384", "any TLS")
HTTP_READERS = ("http.server", "h11", "llhttp", "aiohttp")
