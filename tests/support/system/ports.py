"""Ports of the loopback."""

import contextlib
import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """A port of the loopback that nobody has, neither for TCP (where a connection lingers for a minute) nor for UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((HOST, 0))
            port = int(tcp.getsockname()[1])
            with contextlib.suppress(OSError):
                udp.bind((HOST, port))
                return port
