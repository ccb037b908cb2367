"""E01 to E12: TCP segments that are split, reordered or repeated; all their data is genuine."""

import random
from functools import partial

from support.evasion.segments import FRAMINGS, NEAR_TTL, Row, Segment, Stream, pieces, whole
from support.packets.builders import ACK, FIN, PSH, SYN

URG, ECE, CWR = 0x20, 0x40, 0x80
Borders = dict[str, list[int]]


def marks(stream: Stream) -> dict[str, int]:
    """Positions by the names that the tools give them; 0 where there is no name."""
    at = stream.name_at
    labels = stream.name.split(b".")
    second = at + len(stream.name) - len(b".".join(labels[-2:]))
    return {"sniext": at - 5, "host": at, "midsld": second + len(labels[-2]) // 2, "endhost": at + len(stream.name)}


def borders(stream: Stream) -> Borders:
    """Where blockcheck cuts a hello."""
    m = marks(stream)
    many = [1, m["sniext"] + 1, m["host"] + 1, m["midsld"] - 2, m["midsld"], m["midsld"] + 2, m["endhost"] - 1]
    return {
        "2": [2],
        "1": [1],
        "sniext+1": [m["sniext"] + 1],
        "sniext+4": [m["sniext"] + 4],
        "host+1": [m["host"] + 1],
        "midsld": [m["midsld"]],
        "1,midsld": [1, m["midsld"]],
        "seven pieces": many,
        "20 octets each": list(range(20, len(stream.octets), 20)),
    }


CUTS = ("2", "1", "sniext+1", "sniext+4", "host+1", "midsld", "1,midsld", "seven pieces", "20 octets each")
LARGE = ("classic", "post-quantum", "name in the second segment", "GREASE ECH")


def cut_at(stream: Stream, where: str) -> list[Segment]:
    return pieces(stream.octets, *borders(stream)[where])


def disordered(stream: Stream, where: str) -> list[Segment]:
    return cut_at(stream, where)[::-1]


def single_octets(stream: Stream) -> list[Segment]:
    return pieces(stream.octets, *range(len(stream.octets)))


def random_pieces(stream: Stream) -> list[Segment]:
    chosen = random.Random(len(stream.octets))
    return pieces(stream.octets, *chosen.sample(range(1, len(stream.octets)), 100))


def first_lost(stream: Stream) -> list[Segment]:
    """The first piece ends before the server, which gets it when it is sent again."""
    first, *others = pieces(stream.octets, marks(stream)["host"] + 1)
    return [Segment(at=0, data=first.data, ttl=NEAR_TTL), *others, Segment(at=0, data=first.data, pause_s=0.05)]


def before_stream(stream: Stream, n: int) -> list[Segment]:
    """The first segment begins n octets too early; what stands there ends in an allowed hello."""
    first, *others = pieces(stream.octets, marks(stream)["midsld"])
    early = (bytes(n) + stream.decoy)[-n:]
    return [Segment(at=-n, data=early + first.data), *others]


def overlap_first(stream: Stream, n: int) -> list[Segment]:
    """The second piece comes first and begins n octets early, with octets that the first piece will overwrite."""
    border = marks(stream)["midsld"]
    n = min(n, border)
    false = stream.decoy[border - n : border]
    return [
        Segment(at=border - n, data=false + stream.octets[border:]),
        Segment(at=0, data=stream.octets[:border]),
    ]


def overlapping(stream: Stream) -> list[Segment]:
    """The name is sent, then sent again otherwise before the rest comes."""
    host, end = marks(stream)["host"], marks(stream)["endhost"]
    return [
        Segment(at=0, data=stream.octets[:end]),
        Segment(at=host, data=stream.decoy[host:end]),
        Segment(at=end, data=stream.octets[end:]),
    ]


def overlapping_ahead(stream: Stream) -> list[Segment]:
    """A false name waits beyond a gap; the real one comes over it with the gap."""
    host, end = marks(stream)["host"], marks(stream)["endhost"]
    return [
        Segment(at=host, data=b"x" * (end - host)),
        Segment(at=0, data=stream.octets[:end]),
        Segment(at=end, data=stream.octets[end:]),
    ]


def doubled(stream: Stream, n: int, **fooling: object) -> list[Segment]:
    plan: list[Segment] = []
    for one in cut_at(stream, "1,midsld"):
        copies = [Segment(at=one.at, data=one.data, **fooling)] * n  # type: ignore[arg-type]
        plan += [*copies, one]
    return plan


def urgent(stream: Stream, where: int) -> list[Segment]:
    """An octet that is out of band for the server, in the middle of what it will read."""
    octets = stream.octets[:where] + b"\x00" + stream.octets[where:]
    return [
        Segment(at=0, data=octets[: where + 1], urgent=where + 1, flags=ACK | PSH | URG),
        Segment(at=where + 1, data=octets[where + 1 :]),
    ]


def slowly(stream: Stream) -> list[Segment]:
    return [Segment(at=one.at, data=one.data, pause_s=0.3 if one.at else 0) for one in cut_at(stream, "1,midsld")]


def flagged(stream: Stream, flags: int) -> list[Segment]:
    return [Segment(at=one.at, data=one.data, flags=flags) for one in cut_at(stream, "1,midsld")]


def with_fin(stream: Stream) -> list[Segment]:
    """The last piece closes the client's side."""
    *others, last = cut_at(stream, "midsld")
    return [*others, Segment(at=last.at, data=last.data, flags=ACK | PSH | FIN)]


ROWS = [
    Row(name="control: as it is", plan=whole, bases=LARGE),
    *(
        Row(
            name=f"E01 split at {where}",
            plan=partial(cut_at, where=where),
            bases=("classic", "post-quantum"),
        )
        for where in CUTS
    ),
    Row(name="E01 split in single octets", plan=single_octets),
    Row(name="E01 split in 100 random pieces", plan=random_pieces, bases=LARGE),
    Row(name="E02 post-quantum hello", plan=whole, bases=LARGE[1:3]),
    *(
        Row(name=f"E03 disorder at {where}", plan=partial(disordered, where=where), bases=LARGE[:3])
        for where in ("2", "midsld", "1,midsld", "seven pieces")
    ),
    Row(name="E03 the first piece is lost at first", plan=first_lost),
    *(Row(name=f"E04 {n} octets before the stream", plan=partial(before_stream, n=n)) for n in (1, 336, 568, 681)),
    *(
        Row(name=f"E04 overlap of {n} octets, last piece first", plan=partial(overlap_first, n=n), passes=False)
        for n in (16, 40)
    ),
    Row(name="E05 the name again, otherwise", plan=overlapping, passes=False),
    Row(name="E05 another name waits beyond a gap", plan=overlapping_ahead, passes=False),
    Row(name="E06 every piece three times", plan=lambda s: doubled(s, 2)),
    Row(name="E06 duplicates with a bad checksum", plan=lambda s: doubled(s, 2, is_checksum_bad=True)),
    Row(name="E07 a window of six octets", plan=lambda s: cut_at(s, "midsld"), window=6),
    Row(name="E08 an urgent octet in the name", plan=lambda s: urgent(s, marks(s)["host"] + 3), passes=False),
    Row(name="E08 an urgent octet in front", plan=lambda s: urgent(s, 0), passes=False),
    Row(name="E09 slowly", plan=slowly, framings=FRAMINGS[::2]),
    Row(
        name="E10 a SYN with another hello",
        plan=whole,
        on_syn=lambda s: [Segment(at=-1, data=s.decoy, flags=SYN)],
    ),
    Row(
        name="E10 a SYN with the beginning of the hello",
        plan=whole,
        on_syn=lambda s: [Segment(at=-1, data=s.octets[:200], flags=SYN)],
    ),
    Row(
        name="E10 fast open, the SYN has the hello",
        plan=whole,
        on_syn=lambda s: [Segment(at=-1, data=s.octets, flags=SYN)],
        server="fast open",
    ),
    # zapret's `synack`
    Row(
        name="E11 a SYN/ACK in front of the SYN",
        plan=whole,
        on_syn=lambda s: [Segment(at=-1, flags=SYN | ACK, ack_by=1)],
    ),
    # zapret's `orig-tcp-flags-set`: flags that servers do not look at
    Row(name="E18 pieces with the flags of congestion", plan=lambda s: flagged(s, ACK | PSH | ECE | CWR)),
    Row(name="E18 pieces without PSH", plan=lambda s: flagged(s, ACK)),
    Row(name="E19 the hello ends with a FIN", plan=with_fin),
]
