"""A port of the loopback in front of a PostgreSQL server, where a test says what a network does to it."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

from support.system.ports import free_port


class Relay:
    """Passes connections on to the server's socket, refuses them, or swallows them: nobody ever answers."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self.port = free_port()
        self._listening: socket.socket | None = None
        self._held: list[socket.socket] = []

    def pass_on(self) -> None:
        self.refuse()
        self._listening = listening = socket.create_server(("127.0.0.1", self.port), backlog=100)
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def refuse(self) -> None:
        """End what is open, and let nothing in."""
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        for each in self._held:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._held.clear()

    def swallow(self) -> None:
        """End what is open; from now on a connection is neither made nor refused."""
        self.refuse()
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=0)
        while True:  # fill its queue: the kernel drops the SYNs of all others
            one = socket.socket()
            one.settimeout(0.5)
            self._held.append(one)
            try:
                one.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                self._held += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while octets := source.recv(65536):
            target.sendall(octets)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
