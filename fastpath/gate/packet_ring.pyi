import mmap
import socket

def open_ring(interface: str) -> tuple[socket.socket, mmap.mmap]:
    """A tap of an interface and the ring that the kernel fills with its frames; both are to be closed.

    Sockets of one interface share its frames, each connection with both directions at one of them.   32 MiB.
    OSError: no right to, no such interface, or another program has the fanout group."""
