"""Listening sockets in an event loop: anyone who connects is passed on, a few at a time.

Invariants: what is accepted does not block; between batches all else that is ready has its turn; without a free
descriptor nothing is accepted for PAUSE_S, and that is logged once.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final

# Accepted before other sockets and open connections have their turn.
BATCH: Final = 16
# Out of descriptors: what waits in the backlog can wait a little longer.
PAUSE_S: Final = 0.5

log = logging.getLogger("dns.base.listeners")


class Listeners:
    """Accepts from start() to stop().

    name    who listens, for the log;   begin  takes a connection and its client's address; must not block"""

    def __init__(
        self, name: str, listeners: Sequence[socket.socket], begin: Callable[[socket.socket, str], None]
    ) -> None:
        self._name, self._listeners, self._begin = name, listeners, begin
        self._is_stopped = self._is_told = False

    def start(self) -> None:
        for listener in self._listeners:
            # Inherited by what is accepted.  Without it an answer over TLS waits for the acknowledgement of the session
            # tickets before it, which a client delays by 40 ms (RFC 1122 §4.2.3.2).
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._watch(listener)

    def stop(self) -> None:
        """Accept no more.   The sockets stay open."""
        self._is_stopped = True
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            if listener.fileno() >= 0:
                loop.remove_reader(listener)

    def _watch(self, listener: socket.socket) -> None:
        if not self._is_stopped and listener.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Accept waiting connections, up to BATCH."""
        try:
            for _ in range(BATCH):
                opened, peer = listener.accept()
                opened.setblocking(False)
                self._begin(opened, peer[0].partition("%")[0])
        except (BlockingIOError, InterruptedError, ConnectionError):  # taken by another worker, or gone already
            return
        except OSError as reason:
            if not self._is_told:
                self._is_told = True
                log.warning(
                    "%s: no connection accepted (%s); trying again; raise LimitNOFILE", self._name, reason.strerror
                )
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            loop.call_later(PAUSE_S, self._watch, listener)
