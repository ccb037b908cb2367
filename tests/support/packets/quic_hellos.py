"""Hellos that QUIC's tests share, and the Initial of one datagram that holds a whole one."""

from support.packets.builders import hello_message
from support.packets.initials import crypto, initial

LISTED, OTHER = hello_message(b"www.blocked.test"), hello_message(b"www.allowed.test")
LONG = hello_message(b"www.blocked.test", padding=1700)
OWN, CHOSEN = b"\x11" * 8, b"\x22" * 12  # a second connection ID of the client, one of the server


def whole(message: bytes, **more: object) -> bytes:
    return initial(crypto(0, message), size=1200, **more)  # type: ignore[arg-type]
