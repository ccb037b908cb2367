"""The certificate that DNS over TLS and HTTPS show: read from files, read again when they change.

    files → one SSLContext a protocol → handshakes from then on; connections that are open keep what they have

Invariants: TLS 1.2 or later, forward secrecy and authenticated encryption only; a pair of files that cannot be used
changes nothing and is told once, at the start it is fatal; a name that is asked for and not taken ends the handshake
(asyncio closes without sending the alert).  Tickets resume a session at the worker that gave them, until its
certificate changes.
Absent on purpose: early data, which can be replayed; certificates of clients.
Source: RFC 7858 §3.2 and its ALPN `dot`, RFC 9325 §4.2, RFC 9113 §9.2, RFC 6066 §3, Python's ssl.
"""

import asyncio
import logging
import ssl
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dns.errors import BadCertificate

DOT: Final = "dot"
H2: Final = "h2"
LOOK_EVERY_S: Final = 5.0
# Of TLS 1.2; those of 1.3 are all good.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"

log = logging.getLogger("dns.certificates")

Stamp = tuple[tuple[int, int, int], ...]


class Certificates:
    """A certificate with its chain, its key, and the contexts made of them.   Raises BadCertificate.

    takes_name   whether a server name (None: none was sent) is served; asked in each handshake of DNS over TLS"""

    def __init__(self, certificate: Path, key: Path, takes_name: Callable[[str | None], bool]) -> None:
        self._files = (certificate, key)
        self._takes_name = takes_name
        self._names: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()
        self._seen = self._stamp()
        self._contexts = self._load()

    def dot(self) -> ssl.SSLContext:
        """What DNS over TLS is spoken with from now on."""
        return self._contexts[DOT]

    def h2(self) -> ssl.SSLContext:
        """What HTTP/2 is spoken with from now on."""
        return self._contexts[H2]

    def name_asked(self, tls: ssl.SSLObject | None) -> str | None:
        """The server name that the client of a connection over dot() asked for, as sent."""
        return None if tls is None else self._names.get(tls)

    def reload(self) -> bool:
        """Read the files again if they changed; whether the contexts are new."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self._contexts = self._load()
        except BadCertificate as reason:
            log.warning("%s; the one before is still shown", reason)
            return False
        log.info("dns tls: %s is shown from now on", self._files[0])
        return True

    async def watch(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look at the files again and again."""
        while True:
            await asyncio.sleep(every_s)
            self.reload()

    def _stamp(self) -> Stamp | None:
        """What changes with the files, followed through links; None while one is not there."""
        try:
            stats = [path.stat() for path in self._files]
        except OSError:
            return None
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)

    def _load(self) -> dict[str, ssl.SSLContext]:
        dot, h2 = self._context(DOT), self._context(H2)
        dot.sni_callback = self._meet_name
        return {DOT: dot, H2: h2}

    def _context(self, protocol: str) -> ssl.SSLContext:
        certificate, key = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols([protocol])
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as reason:  # SSLError is an OSError
            why = getattr(reason, "reason", None) or getattr(reason, "strerror", None) or reason
            raise BadCertificate(
                f"dns tls: {certificate} with {key}: {why}; not used; "
                "put a PEM certificate with its chain and its key there, readable by this service"
            ) from reason
        return context

    def _meet_name(
        self, tls: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext
    ) -> ssl.AlertDescription | None:
        if not self._takes_name(name):
            return ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        if name is not None:
            self._names[tls] = name
        return None


def _no_password() -> str:
    raise ValueError("the key has a password, which nobody is here to type")
