"""A TCP client of scapy's packets, for those that no socket would send.   python evader.py FROM TO NAME PLAN SECONDS

PLAN is a list of (stream position, octets, time to live) with HELLO, a hello for NAME, and OTHER, one for an allowed
name of the same length.  Prints what came of it: answered, reset or, for so many SECONDS, silence.
"""

import os
import select
import socket
import sys
import time

from scapy.layers.inet import IP, TCP
from scapy.packet import Raw
from support.packets.builders import hello, records

SYN, RST, ACK, PSH = 0x02, 0x04, 0x10, 0x18
CONNECT_S = 20.0


class Evader:
    """One connection."""

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = source, target
        # the kernel knows no such connection and would reset it
        self.port = 20000 + os.getpid() % 10000
        os.system("nft add table ip evader; nft 'add chain ip evader out { type filter hook output priority 0; }'")
        os.system("nft add rule ip evader out tcp flags rst drop")
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.sniffer = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.isn = int.from_bytes(os.urandom(4))
        self.ack = 0

    def send(self, seq: int, flags: int, payload: bytes = b"", ttl: int = 64) -> None:
        header = TCP(sport=self.port, dport=443, flags=flags, seq=seq & 0xFFFFFFFF, ack=self.ack, window=64000)
        segment = header / Raw(payload)
        self.raw.sendto(bytes(IP(src=self.source, dst=self.target, flags="DF", ttl=ttl) / segment), (self.target, 0))

    def receive(self, until_s: float) -> tuple[int, int, bytes] | None:
        """Flags, sequence number and payload of the next packet for us; None: none came."""
        while (left_s := until_s - time.monotonic()) > 0:
            if not select.select([self.sniffer], [], [], left_s)[0]:
                return None
            segment = IP(self.sniffer.recv(65535))[TCP]
            if (segment.sport, segment.dport) == (443, self.port):
                return int(segment.flags), segment.seq, bytes(segment.payload)
        return None

    def connect(self) -> None:
        self.send(self.isn - 1, SYN)
        reply = self.receive(time.monotonic() + CONNECT_S)
        if reply is None:
            raise TimeoutError("no SYN/ACK")
        self.ack = reply[1] + 1
        self.send(self.isn, ACK)

    def outcome(self, patience_s: float) -> str:
        until_s = time.monotonic() + patience_s
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
        print(evader.outcome(float(sys.argv[5])))
    finally:
        os.system("nft delete table ip evader")
