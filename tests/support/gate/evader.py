"""A TCP client of its own making, for packets that no socket would send.   python evader.py FROM TO NAME PLAN

PLAN is a list of (stream position, octets, time to live) with HELLO, a hello for NAME, and OTHER, one for an allowed
name of the same length.  Prints what came of it: answered, reset or silence.
"""

import os
import select
import socket
import struct
import sys
import time

from support.packets.builders import hello, records

SYN, RST, ACK, PSH = 0x02, 0x04, 0x10, 0x18
WAIT_S = 1.0


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Evader:
    """One connection."""

    def __init__(self, source: str, target: str) -> None:
        self.addresses = socket.inet_aton(source) + socket.inet_aton(target)
        self.target = target
        # the kernel knows no such connection and would reset it
        self.port = 20000 + os.getpid() % 10000
        os.system("nft add table ip evader; nft 'add chain ip evader out { type filter hook output priority 0; }'")
        os.system("nft add rule ip evader out tcp flags rst drop")
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.sniffer = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.isn = struct.unpack("!I", os.urandom(4))[0]
        self.ack = 0

    def send(self, seq: int, flags: int, payload: bytes = b"", ttl: int = 64) -> None:
        head = struct.pack("!HHIIBBHHH", self.port, 443, seq & 0xFFFFFFFF, self.ack, 5 << 4, flags, 64000, 0, 0)
        pseudo = self.addresses + struct.pack("!BBH", 0, 6, len(head + payload))
        head = head[:16] + struct.pack("!H", checksum(pseudo + head + payload)) + head[18:]
        size = 20 + len(head + payload)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, size, 1, 0x4000, ttl, 6, 0) + self.addresses
        self.raw.sendto(ip + head + payload, (self.target, 0))

    def receive(self, until_s: float) -> tuple[int, int, bytes] | None:
        """Flags, sequence number and payload of the next packet for us; None: none came."""
        while (left_s := until_s - time.monotonic()) > 0:
            if not select.select([self.sniffer], [], [], left_s)[0]:
                return None
            packet = self.sniffer.recv(65535)
            tcp = packet[(packet[0] & 15) * 4 :]
            if struct.unpack_from("!HH", tcp) == (443, self.port):
                return tcp[13], struct.unpack_from("!I", tcp, 4)[0], tcp[(tcp[12] >> 4) * 4 :]
        return None

    def connect(self) -> None:
        self.send(self.isn - 1, SYN)
        reply = self.receive(time.monotonic() + 3)
        if reply is None:
            raise TimeoutError("no SYN/ACK")
        self.ack = reply[1] + 1
        self.send(self.isn, ACK)

    def outcome(self) -> str:
        until_s = time.monotonic() + WAIT_S
        while (reply := self.receive(until_s)) is not None:
            if reply[0] & RST:
                return "reset"
            if reply[2]:
                return "answered"
        return "silence"


if __name__ == "__main__":
    name = sys.argv[3].encode()
    known = {"HELLO": hello(name), "OTHER": hello(b"www.allowed.test"), "records": records}
    evader = Evader(sys.argv[1], sys.argv[2])
    try:
        evader.connect()
        for at, octets, ttl in eval(sys.argv[4], known):
            evader.send(evader.isn + at, PSH, octets, ttl)
            time.sleep(0.02)
        print(evader.outcome())
    finally:
        os.system("nft delete table ip evader")
