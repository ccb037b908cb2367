"""Any octets are a capture of packets and of what could not be read, or no capture: ValueError, and nothing else."""

from fuzz import served

from filterd.commands.pcap import BrokenPacket, Frame, iter_frames

CAPTURE = served.FOLDER / "capture"


def check(data: bytes) -> None:
    CAPTURE.write_bytes(data)
    try:
        found = list(iter_frames(CAPTURE))
    except ValueError as refused:
        assert "neither pcap nor pcapng" in str(refused)
        return
    frames = [item for item in found if isinstance(item, Frame)]
    assert all(frame.packet and frame.packet in data and frame.time_s >= 0 for frame in frames)
    assert sum(len(frame.packet) for frame in frames) <= len(data)
    assert all(isinstance(item, BrokenPacket) and item.reason.isprintable() for item in found if item not in frames)
