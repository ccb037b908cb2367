import socket

def open_raw(family: int) -> socket.socket:
    """Open a socket that sends complete IP packets of AF_INET or AF_INET6 unchanged.   OSError without CAP_NET_RAW."""
