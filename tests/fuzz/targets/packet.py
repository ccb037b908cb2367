"""A packet ends by its IP length, and what is written like it is a packet with its ends and right checksums."""

import struct

from fastpath.wire.packet import Packet, packet, tcp_back, tcp_onward


def check(data: bytes) -> None:
    seen = _read(data)
    if seen is None:
        return
    assert _read(data + bytes(7)) == seen and seen.payload in data
    assert (seen.version, len(seen.src), len(seen.dst)) in ((4, 4, 4), (6, 16, 16))
    if seen.proto != 6:
        return
    back = tcp_back(data, seen.ack, seen.seq, seen.flags, seen.payload[:1000])
    ours = _read(back)
    assert ours is not None and _checksums_fit(back)
    assert (ours.src, ours.sport, ours.dst, ours.dport) == (seen.dst, seen.dport, seen.src, seen.sport)
    assert (ours.seq, ours.ack, ours.flags, ours.payload) == (seen.ack, seen.seq, seen.flags, seen.payload[:1000])
    assert _checksums_fit(tcp_onward(data, seen.seq, seen.ack, seen.flags))


def _read(data: bytes) -> Packet | None:
    try:
        return packet(data)
    except ValueError:
        return None


def _checksums_fit(data: bytes) -> bool:
    if data[0] >> 4 == 4:
        pseudo = data[12:20] + struct.pack("!HH", 6, len(data) - 20) + data[20:]
        return _remainder(data[:20]) == 0 == _remainder(pseudo)
    return _remainder(data[8:40] + struct.pack("!II", len(data) - 40, 6) + data[40:]) == 0


def _remainder(octets: bytes) -> int:
    return int.from_bytes(octets + bytes(len(octets) % 2), "big") % 0xFFFF
