"""Server certificates for DNS over TLS and HTTPS: read from files, reloaded when the files change.

    files → one SSLContext for each protocol → later handshakes; open connections keep theirs

Invariants: TLS 1.2 or later, forward secrecy and authenticated encryption only; at start, a pair of files that
cannot be used is fatal; later it changes nothing and is logged once.  A server name that is not served ends the
handshake (asyncio closes without sending the alert).  Session tickets are valid at the worker that issued them, until
its certificate changes.
Absent on purpose: early data, which can be replayed; certificates of clients.
Source: RFC 7858 §3.2 and its ALPN `dot`, RFC 9325 §4.2, RFC 9113 §9.2, RFC 6066 §3, Python's ssl.
"""

import asyncio
import logging
import ssl
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from dns.base.errors import BadCertificate

DOT: Final = "dot"
H2: Final = "h2"
LOOK_EVERY_S: Final = 5.0
# Of TLS 1.2; those of 1.3 are all good.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"

log = logging.getLogger("dns.base.certificates")

Stamp = tuple[tuple[int, int, int], ...]


class Certificates:
    """A certificate with its chain and key, and the TLS contexts made from them.   Raises BadCertificate.

    takes_name   whether a server name (None: none was sent) is served; asked in each handshake of DNS over TLS"""

    def __init__(self, certificate: Path, key: Path, takes_name: Callable[[str | None], bool]) -> None:
        self._files = (certificate, key)
        self._takes_name = takes_name
        self._names: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()
        self._seen = stamp_of(self._files)
        self._contexts = self._load()

    def dot(self) -> ssl.SSLContext:
        """The context for new connections of DNS over TLS."""
        return self._contexts[DOT]

    def h2(self) -> ssl.SSLContext:
        """The context for new HTTP/2 connections."""
        return self._contexts[H2]

    def name_asked(self, tls: ssl.SSLObject | None) -> str | None:
        """The server name that a DNS over TLS client sent (SNI)."""
        return None if tls is None else self._names.get(tls)

    def reload(self) -> bool:
        """Reload the files if they changed; return whether the contexts are new."""
        stamp = stamp_of(self._files)
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self._contexts = self._load()
        except BadCertificate as reason:
            log.warning("%s; the previous certificate stays in use", reason)
            return False
        log.info("dns tls: %s is in use from now on", self._files[0])
        return True

    async def watch(self, every_s: float = LOOK_EVERY_S) -> None:
        """Check the files for changes until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self.reload()

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
            context.load_cert_chain(certificate, key, password=no_password)
        except (OSError, ValueError) as reason:  # SSLError is an OSError
            raise BadCertificate(
                f"dns tls: {certificate} with {key}: {why_not_loaded(reason)}; not used; "
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


def stamp_of(files: Sequence[Path]) -> Stamp | None:
    """A stamp that changes with the files, links followed; None while one is missing."""
    try:
        stats = [path.stat() for path in files]
    except OSError:
        return None
    return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)


def why_not_loaded(reason: OSError | ValueError) -> str:
    """Why a certificate and its key were not taken, in a few words."""
    return str(getattr(reason, "reason", None) or getattr(reason, "strerror", None) or reason)


def no_password() -> str:
    """For load_cert_chain().   Raises ValueError."""
    raise ValueError("the key has a password, which cannot be entered here")
