import socket

def open_raw(family: int) -> socket.socket:
    """A socket that sends whole IP packets of AF_INET or AF_INET6 as they are.   OSError without the right to."""
