"""Link-layer frames: an IP packet behind VLAN tags, PPPoE sessions and MPLS labels."""

import struct
from collections.abc import Sequence

ADDRESSES = bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])
VLAN, QINQ, OLD_QINQ, PPPOE, MPLS, MPLS_UPSTREAM = 0x8100, 0x88A8, 0x9100, 0x8864, 0x8847, 0x8848
ETHERNET, RAW = 1, 101


def type_of(packet: bytes) -> int:
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


def tagged(packet: bytes, *kinds: int) -> bytes:
    """What stands behind the addresses: a tag of each kind (VLAN 7, 8, …), then the packet."""
    tags = b"".join(struct.pack("!HH", kind, 7 + at) for at, kind in enumerate(kinds))
    return tags + struct.pack("!H", type_of(packet)) + packet


def in_session(packet: bytes, protocol: bytes | None = None) -> bytes:
    """A PPPoE session header and PPP's protocol, with its EtherType."""
    ppp = (b"\x00\x57" if packet[0] >> 4 == 6 else b"\x00\x21") if protocol is None else protocol
    return struct.pack("!HBBHH", PPPOE, 0x11, 0, 17, len(ppp) + len(packet)) + ppp + packet


def labelled(packet: bytes, n_labels: int, kind: int = MPLS) -> bytes:
    """A stack of labels, with its EtherType."""
    labels = [(1000 + at) << 12 | (at == n_labels - 1) << 8 | 64 for at in range(n_labels)]
    return struct.pack("!H", kind) + b"".join(struct.pack("!I", label) for label in labels) + packet


def behind_tags(rest: bytes, *kinds: int) -> bytes:
    """The same with tags before it."""
    return b"".join(struct.pack("!HH", kind, 7) for kind in kinds) + rest


def ethernet(rest: bytes) -> bytes:
    return ADDRESSES + rest


def pcap(frames: Sequence[bytes], link: int = ETHERNET) -> bytes:
    """A capture file, a packet a second."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    return head + b"".join(
        struct.pack("<IIII", at, 0, len(frame), len(frame)) + frame for at, frame in enumerate(frames)
    )
