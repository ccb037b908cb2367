"""Ports of the loopback that are free and stay reserved for the process that took them.

A reservation is the abstract Unix socket `filterd-test-port-N`.  As a port, it is held by one process at a time in one
network namespace; the kernel releases it when that process ends.  The ports lie below the ephemeral range.  So no
connection, and no socket bound to port 0, takes one between its reservation and the start of its server.
"""

import itertools
import os
import socket
from pathlib import Path

HOST = "127.0.0.1"
FIRST_PORT = 16_384
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

_steps = itertools.count(os.getpid() * 61)  # workers begin far apart; where they meet, the reservation decides


def free_port() -> int:
    """Reserve a port of the loopback that is free for TCP and for UDP."""
    first_ephemeral = int(EPHEMERAL_RANGE.read_text().split()[0])
    n_ports = first_ephemeral - FIRST_PORT
    for step in itertools.islice(_steps, n_ports):
        port = FIRST_PORT + step % n_ports
        if _reserve(port) and _is_free(port):
            return port
    raise RuntimeError(f"no port from {FIRST_PORT} to {first_ephemeral - 1} is free")


def _reserve(port: int) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reservation:
        try:
            reservation.bind(f"\0filterd-test-port-{port}")
        except OSError:  # another process has it
            return False
        reservation.detach()  # stays open until this process ends
        return True


def _is_free(port: int) -> bool:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        try:
            tcp.bind((HOST, port))
            udp.bind((HOST, port))
        except OSError:
            return False
        return True
