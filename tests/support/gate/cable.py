"""Two interfaces of the calling thread's namespace that a cable joins."""

import socket
from pathlib import Path

from support.system.namespace import run_ip


class Cable:
    """Two interfaces, near and far, without addresses; what is sent into one comes out of the other."""

    def __init__(self) -> None:
        run_ip("link", "add", "near", "type", "veth", "peer", "name", "far")
        for end in ("near", "far"):
            Path(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6").write_text("1")  # it would speak by itself
            run_ip("link", "set", end, "up")
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind(("near", 0))

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self._socket.send(frame)

    def close(self) -> None:
        self._socket.close()
