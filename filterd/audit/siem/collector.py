"""A connection to the collector: what is sent on it counts as taken once the collector has closed it in order.

    connect → TLS, both names checked → frames … → close_notify, FIN → its FIN, nothing of ours unread → taken

Syslog has no answer to a message.  But a system that closes a connection with octets of ours unread resets it, and
one that has gone acknowledges nothing: so its end of the connection without a reset, and every octet acknowledged, says
that its program has read all of it.   What the program does with it then, no sender can know; a proxy between the two
answers for itself.
Invariants: nothing goes out before the collector's certificate is verified; every wait ends by itself.
Source: RFC 5425 §4.2, §4.4; RFC 9293 §3.6.1 (a close with data that was not read is a reset); SIOCOUTQ, tcp(7).
"""

import asyncio
import fcntl
import os
import socket
import ssl
import struct
import termios
from contextlib import suppress

from filterd.config.siem import Siem

TIMEOUT_S = 30.0  # of each step: a collector that takes not even CHUNK octets in it is called stuck
CHUNK = 16 << 10
LOOK_S = 0.01  # between two looks at what is not acknowledged yet


class CollectorFailure(Exception):
    """The collector has not taken what was sent; the text says why."""


def context_of(siem: Siem) -> ssl.SSLContext:
    """What is trusted, and what we show.   Raises OSError for files that cannot be used"""
    context = ssl.create_default_context(cafile=siem.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if siem.certificate is not None:
        context.load_cert_chain(siem.certificate, siem.key, password="")
    return context


class Collector:
    """One connection."""

    def __init__(self, connection: socket.socket, name: str, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=name)
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def connected(cls, server: str, context: ssl.SSLContext) -> "Collector":
        """A connection with a collector whose certificate is verified.   Raises CollectorFailure"""
        host, _, port = server.rpartition(":")
        host = host.strip("[]")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                collector = cls(await _connected(host, int(port)), host, context)
                try:
                    await collector._shake_hands()
                except BaseException:
                    collector.close()
                    raise
                return collector
        except (OSError, TimeoutError) as reason:
            raise CollectorFailure(f"{server}: {_why(reason)}") from reason

    async def send(self, octets: bytes) -> None:
        """Send frames.   Raises CollectorFailure"""
        try:
            for at in range(0, len(octets), CHUNK):
                self._tls.write(octets[at : at + CHUNK])
                await self._flush()
        except (OSError, TimeoutError) as reason:
            raise CollectorFailure(_why(reason)) from reason

    async def finish(self) -> None:
        """Say that this was all, and wait until the collector has closed, having read it.   Raises CollectorFailure"""
        try:
            with suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            await self._flush()
            self._connection.shutdown(socket.SHUT_WR)
            await self._read_to_its_end()
            async with asyncio.timeout(TIMEOUT_S):
                while _unacknowledged(self._connection):  # noqa: ASYNC110  # the kernel has no event for it
                    await asyncio.sleep(LOOK_S)
        except (OSError, TimeoutError) as reason:
            raise CollectorFailure(_why(reason)) from reason

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    # ------------------------------------------------------------------------------------------------------------------

    async def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                return await self._flush()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._take():
                    raise ConnectionResetError("it has closed before it has shown a certificate") from None

    async def _flush(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await self._loop.sock_sendall(self._connection, self._goes.read())

    async def _take(self) -> bool:
        """Take what comes; False: the other end has closed."""
        found = await self._loop.sock_recv(self._connection, CHUNK)
        self._came.write(found)
        return bool(found)

    async def _read_to_its_end(self) -> None:
        """Read until the collector closes; an alert of TLS, as where it does not like our certificate, is raised."""
        async with asyncio.timeout(TIMEOUT_S):
            while await self._take():
                self._hear()
        self._hear()

    def _hear(self) -> None:
        with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while self._tls.read(CHUNK):
                pass


async def _connected(host: str, port: int) -> socket.socket:
    """To the first address that answers.   Raises OSError"""
    loop = asyncio.get_running_loop()
    faults = list[OSError]()
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
            return connection
        except OSError as reason:
            connection.close()
            faults.append(reason)
        except BaseException:
            connection.close()
            raise
    raise faults[0]


def _unacknowledged(connection: socket.socket) -> int:
    """Octets that the other end has not acknowledged.   Raises OSError where it has reset the connection"""
    if fault := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(fault, os.strerror(fault))
    return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0])


def _why(reason: Exception) -> str:
    if isinstance(reason, TimeoutError):
        return f"nothing moves for {TIMEOUT_S:g} s"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {reason.verify_message}"
    if isinstance(reason, ssl.SSLError):
        return f"TLS: {(reason.reason or str(reason)).replace('_', ' ').lower()}"
    number = getattr(reason, "errno", None)
    return os.strerror(number) if number and number > 0 else str(reason) or type(reason).__name__
