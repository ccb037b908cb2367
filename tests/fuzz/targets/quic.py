"""Packets lie one behind the other, whatever is behind them; an Initial opens as another library opens it, or not."""

from support.packets.initials import VERSIONS, opened

from fastpath.wire.quic import Packet, packets
from fastpath.wire.quic_initial import InitialOpener

OWN = InitialOpener()
KEPT = b"kept keys"
ENDED = ("retry", "negotiation", "short", "unknown")  # kinds that go on to the datagram's end


def check(data: bytes) -> None:
    found = _packets(data)
    if found is None:
        assert max(data) >= 0x80
        return
    joined = b"".join(each.octets for each in found)
    assert data.startswith(joined)
    assert [each.octets for each in found if each.kind in ENDED] in ([], [found[-1].octets] if found else [])
    if len(joined) < len(data):
        assert data[len(joined)] < 0x40 and _packets(joined) == found
    initials = [each for each in found if each.kind == "initial"]
    assert OWN.opened(data) == [opened(each.octets, each.version, each.pn_at, each.dcid) for each in initials]
    for version in VERSIONS if initials else ():
        first = initials[0]
        theirs = opened(first.octets, version, first.pn_at, KEPT) if first.version == version else None
        assert InitialOpener(version, KEPT).opened(data)[0] == theirs


def _packets(data: bytes) -> list[Packet] | None:
    try:
        return packets(data)
    except ValueError:
        return None
