"""The kernel in the place of the model: its connection tracking and filterd's rules, between two interfaces of ours.

    segment → TUN device → forward, queue 0 → GateLoop.feed() → verdict → the other TUN device

Writing to a TUN device is forwarding: when write() returns, a packet has left by the other device, or is queued.

Source: Documentation/networking/tuntap.rst; the attributes of conntrack: linux/netfilter/nfnetlink_conntrack.h.
"""

import contextlib
import fcntl
import os
import socket
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from adversary.actions import PORTS
from adversary.conntrack import STATES
from adversary.gateway import SUBSCRIBER, first_memory, new_gate
from adversary.segments import SERVER, Segment, injected, wire
from support.evasion.frames import checksum
from support.system.namespace import run_ip

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_BITS, MARK_DROPPED, MARK_SHIFT, MARK_VERDICT
from fastpath.gate.nfqueue import open_queue, read_message, verdict_message
from fastpath.gate.outbox import open_raw
from filterd.kernel.conntrack import DELETE, GET
from filterd.kernel.firewall import Kernel
from filterd.kernel.netlink import F_ACK, HEADER_OCTETS, NESTED, Netlink, attribute, attributes, message
from filterd.kernel.ruleset import Rules

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
MTU, MOST = 20_000, 65_535
CLIENTS, SERVERS = "192.0.2.0/24", "203.0.113.0/24"
SETTINGS = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/send_redirects": 0,
    "netfilter/nf_conntrack_checksum": 1,
    "netfilter/nf_conntrack_tcp_be_liberal": 0,
}
TUPLE, PROTOINFO, MARK, TUPLE_IP, TUPLE_PROTO, PROTOINFO_TCP, TCP_STATE = 1, 4, 8, 1, 2, 1, 1
IPV4, IP_OCTETS, TCP_CHECKSUM = 2, 20, 36


class Tracked(NamedTuple):
    """A connection as it is tracked: by both, the state's short name and our bits of its mark."""

    state: str
    mark: int


class Waiting(NamedTuple):
    """A packet in the queue."""

    number: int
    mark: int
    packet: bytes


class Live:
    """The gateway of one network namespace: the caller's thread is in it.   close() before it ends."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()
        self._client, self._server = self._device("client", CLIENTS), self._device("server", SERVERS)
        for name, value in SETTINGS.items():
            Path("/proc/sys/net", name).write_text(f"{value}")
        with contextlib.closing(Kernel()) as kernel:
            kernel.apply(Rules(ports=(80, 443), http_ports=(80,), n_queues=1, is_open_when_dead=False))
        self._queue = self._held.enter_context(open_queue(0, 1))
        self._raw = self._held.enter_context(open_raw(socket.AF_INET))
        self._link = self._held.enter_context(Netlink())
        self.waiting: deque[Waiting] = deque()
        self.is_held = False

    def begin(self, is_closed: bool, server_port: int, now_s: int) -> None:
        """Forget all connections, and start a gate."""
        if self.waiting:
            dropped = (MARK_VERDICT | MARK_DROPPED) << MARK_SHIFT
            self._queue.send(verdict_message(0, self.waiting[-1].number, dropped))
        self.waiting.clear()
        self.is_held = False
        self.server_port, self.now_s = server_port, now_s
        self.gate: GateLoop = new_gate(is_closed, is_asymmetric=False, unfinished=first_memory())
        for port in PORTS:
            self._link.send(message(DELETE, F_ACK, 1, IPV4, self._tuple(port)))
        self.forwarded()

    def take(self, p: Segment) -> None:
        """One packet that arrives from either side."""
        packet = bytearray(wire(p, SUBSCRIBER, self.server_port))
        packet[10:12] = checksum(bytes(packet[:IP_OCTETS])).to_bytes(2)
        pseudo = bytes(packet[12:20]) + bytes((0, socket.IPPROTO_TCP)) + (len(packet) - IP_OCTETS).to_bytes(2)
        packet[TCP_CHECKSUM : TCP_CHECKSUM + 2] = checksum(pseudo + bytes(packet[IP_OCTETS:])).to_bytes(2)
        os.write(self._server if p.is_outside else self._client, packet)
        self._look()
        if not self.is_held:
            self.judge_all()

    def judge_all(self) -> None:
        """The gate judges what waits for it, in order."""
        while self.waiting:
            number, mark, packet = self.waiting.popleft()
            verdict = self.gate.feed(packet, mark >> MARK_SHIFT & MARK_BITS, self.now_s)
            self._queue.send(verdict_message(0, number, mark & (1 << MARK_SHIFT) - 1 | verdict << MARK_SHIFT))
            for each in self.gate.injected():
                self._raw.sendto(each, (socket.inet_ntoa(each[16:20]), 0))
            self._look()

    def forwarded(self) -> list[Segment]:
        """What has come out at the server's side since the last call."""
        _read(self._client)
        return [injected(packet)[1] for packet in _read(self._server) if packet[9] == socket.IPPROTO_TCP]

    def tracked(self) -> dict[int, Tracked]:
        """All connections, by their client's port."""
        found = {port: self._connection(port) for port in PORTS}
        return {port: each for port, each in found.items() if each is not None}

    def close(self) -> None:
        self._held.close()

    def _device(self, name: str, prefix: str) -> int:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._held.callback(os.close, device)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        run_ip("link", "set", name, "up", "mtu", f"{MTU}")
        run_ip("route", "add", prefix, "dev", name)
        return device

    def _look(self) -> None:
        """Take in what has come into the queue."""
        while True:
            try:
                said = read_message(self._queue.recv(MOST + 4096, socket.MSG_DONTWAIT))
            except BlockingIOError:
                return
            if said is not None:
                self.waiting.append(Waiting(said[0], said[1], said[3]))

    def _connection(self, port: int) -> Tracked | None:
        try:
            found = self._link.ask(message(GET, 0, 1, IPV4, self._tuple(port)))
        except FileNotFoundError:
            return None
        said = dict(_attributes(found.chunk, found.at + HEADER_OCTETS, found.end))
        tcp = dict(_attributes(*_inside(said[PROTOINFO], PROTOINFO_TCP)))
        mark = int.from_bytes(_octets(said[MARK])) if MARK in said else 0
        return Tracked(STATES[_octets(tcp[TCP_STATE])[0]], mark >> MARK_SHIFT)

    def _tuple(self, port: int) -> bytes:
        """What a connection is found by, whoever has begun it.   A dump would walk through tables of the machine."""
        ends = attribute(1, SUBSCRIBER) + attribute(2, SERVER)
        ports = attribute(2, port.to_bytes(2)) + attribute(3, self.server_port.to_bytes(2))
        protocol = attribute(1, bytes((socket.IPPROTO_TCP,))) + ports
        both = attribute(TUPLE_IP | NESTED, ends) + attribute(TUPLE_PROTO | NESTED, protocol)
        return attribute(TUPLE | NESTED, both)


Place = tuple[bytes, int, int]


def _attributes(chunk: bytes, at: int, end: int) -> Iterator[tuple[int, Place]]:
    return ((kind, (chunk, first, last)) for kind, first, last in attributes(chunk, at, end))


def _inside(place: Place, kind: int) -> Place:
    return dict(_attributes(*place))[kind]


def _octets(place: Place) -> bytes:
    chunk, at, end = place
    return chunk[at:end]


def _read(device: int) -> list[bytes]:
    """All packets that wait in a device."""
    packets: list[bytes] = []
    while True:
        try:
            packets.append(os.read(device, MOST))
        except BlockingIOError:
            return packets
