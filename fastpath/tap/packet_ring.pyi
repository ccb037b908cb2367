import mmap
import socket

def open_ring(interface: str) -> tuple[socket.socket, mmap.mmap]:
    """Open a tap of an interface and its ring buffer of 32 MiB; the caller closes both.

    Sockets of one interface share its frames; both directions of a connection go to the same socket.
    Raises OSError: no CAP_NET_RAW, no such interface, or another program has the fanout group."""
