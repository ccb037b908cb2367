"""IP packets of a capture → every name that a client asked for, over DNS, TLS, HTTP, with the decision on it.

TLS and HTTP are read by the gate itself, which tells what it judged (fastpath.watching.Replay); decide() is the one of
the workers.  What differs from a gate in force: every port is looked at, and a listed name does not end the search.
Invariants: nothing a packet holds raises; what a flow's begin says is told once.
Absent in this version: QUIC.  An Initial is told as undecidable, once a flow.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

from fastpath.name import from_host, to_text
from fastpath.packet import Packet, packet
from fastpath.question import query
from fastpath.tables import TableSet
from fastpath.trace import Sighting
from fastpath.url import host_text, join
from fastpath.verdict import Channel
from fastpath.watching import Replay
from filterd.capture import Broken, Frame
from filterd.explain import explain, explain_url, word

FLOWS = 4096  # of QUIC, told once each
PROTO_TCP = 6
QUIC_VERSIONS = {1: "1", 0x6B3343CF: "2", 0xFF00001D: "draft-29"}  # RFC 9000, RFC 9369, draft-ietf-quic-transport-29
DNS_PORT, TLS_PORT, HTTP_PORT = 53, 443, 80

NOT_WEB = "neither a TLS hello nor an HTTP request"
# What the gate counts as undecidable, in words.
WHY = {
    ("sni", "gate_not_tls"): NOT_WEB,
    ("sni", "gate_no_name"): "a hello without a name",
    ("sni", "gate_malformed"): "a hello whose lengths do not fit each other",
    ("sni", "gate_too_big"): "a hello, or what stands in its place, longer than the gate looks at",
    ("http", "gate_no_name"): "a request without a host",
    ("http", "gate_malformed"): NOT_WEB,
    ("http", "gate_too_big"): "a request or a gap longer than the gate looks at",
    ("sni", "gate_overlap"): "other octets than before in the same place: an evasion, or a broken client",
    ("http", "gate_overlap"): "other octets than before in the same place: an evasion, or a broken client",
}

Found = dict[str, Any]


class FlowKey(NamedTuple):
    """One direction of a conversation."""

    src: bytes
    sport: int
    dst: bytes
    dport: int


class Inspector:
    """Feed it packets in order of time."""

    def __init__(self, tables: TableSet) -> None:
        self._tables = tables
        self._replay = Replay([TLS_PORT], [HTTP_PORT])
        self._told: OrderedDict[FlowKey, None] = OrderedDict()  # flows of QUIC

    def see(self, frame: Frame | Broken) -> Iterator[Found]:
        """What this packet completes."""
        if isinstance(frame, Broken):
            yield {"channel": None, "undecidable": frame.reason}
            return
        try:
            seen = packet(frame.packet)
        except ValueError as reason:
            # ICMP and the like carry no names; what no host would take is worth a line
            if "lengths" in str(reason):
                yield {"ts": frame.time_s, "channel": None, "undecidable": str(reason)}
            return
        if seen is None:
            yield {"ts": frame.time_s, "channel": None, "undecidable": "the packet is cut"}
        elif seen.proto == PROTO_TCP:
            yield from self._see_segment(frame, seen)
        else:
            yield from self._see_datagram(frame.time_s, seen)

    # ------------------------------------------------------------------------------------------------------------------

    def _see_datagram(self, time_s: float, seen: Packet) -> Iterator[Found]:
        if seen.dport == DNS_PORT:
            yield self._dns(time_s, seen, seen.payload)
            return
        # RFC 9000 §17.2: a long header begins with two set bits, and a version follows
        is_long = len(seen.payload) > 5 and seen.payload[0] & 0xC0 == 0xC0
        if seen.dport == TLS_PORT and is_long and _key(seen) not in self._told:
            self._remember(_key(seen))
            number = int.from_bytes(seen.payload[1:5], "big")
            version = QUIC_VERSIONS.get(number, f"0x{number:08x}")
            yield _about(time_s, seen, "quic", quic_version=version, undecidable="QUIC is not read in this version")

    def _see_segment(self, frame: Frame, seen: Packet) -> Iterator[Found]:
        if DNS_PORT in (seen.sport, seen.dport):
            if seen.dport == DNS_PORT:
                yield from self._dns_stream(frame.time_s, seen, seen.payload)
            return
        is_told = False  # of what is no name the gate counts once more what its own line says
        for sighting in self._replay.feed(frame.packet, int(frame.time_s * 1_000_000_000)):
            if sighting.undecidable is None:
                is_told |= not _is_name(sighting.host)
                yield self._named(frame.time_s, seen, sighting)
            elif not is_told:
                yield self._unnamed(frame.time_s, seen, sighting)
        if self._replay.n_lost:
            why = f"{self._replay.n_lost} names more than are told of one packet"
            yield _about(frame.time_s, seen, _channel_of_port(seen.dport), undecidable=why)

    def _named(self, time_s: float, seen: Packet, sighting: Sighting) -> Found:
        if sighting.channel == Channel.HTTP:
            return self._request(time_s, seen, sighting.host, sighting.target)
        return self._host(time_s, seen, word(Channel(sighting.channel)), sighting.host, **_of_hello(sighting))

    def _unnamed(self, time_s: float, seen: Packet, sighting: Sighting) -> Found:
        channel = word(Channel(sighting.channel)) if sighting.channel else _channel_of_port(seen.dport)
        why = WHY.get((channel, sighting.undecidable or ""), str(sighting.undecidable))
        return _about(time_s, seen, channel, undecidable=why, **_of_hello(sighting))

    def _dns_stream(self, time_s: float, seen: Packet, data: bytes) -> Iterator[Found]:
        at = 0
        while at + 2 <= len(data):
            n = int.from_bytes(data[at : at + 2], "big")
            yield self._dns(time_s, seen, data[at + 2 : at + 2 + n])
            at += 2 + n

    def _dns(self, time_s: float, seen: Packet, message: bytes) -> Found:
        try:
            asked = query(message)
        except ValueError as reason:
            return _about(time_s, seen, "dns", undecidable=str(reason))
        return self._decided(time_s, seen, "dns", asked.name)

    def _host(self, time_s: float, seen: Packet, channel: str, host: bytes, **more: Any) -> Found:
        try:
            wire = from_host(host)
        except ValueError as reason:
            return _about(time_s, seen, channel, undecidable=str(reason), **more)
        if wire is None:
            return _about(time_s, seen, channel, undecidable="an address stands where a name should", **more)
        return self._decided(time_s, seen, channel, wire, **more)

    def _request(self, time_s: float, seen: Packet, host: bytes, target: bytes) -> Found:
        """A request is decided on with its URL, whose port is the one that it came to."""
        shown = _url(host, target)
        try:
            read = join(host_text(host), seen.dport, target)
        except ValueError:  # no host at all, or a target that is too long to be a listed URL's
            return self._host(time_s, seen, "http", host, url=shown)
        decision = explain_url(self._tables, read.text, _address(seen.src), int(time_s), "http")
        if read.wire is None and decision["action"] == "passthru":
            return self._host(time_s, seen, "http", host, url=shown)
        return _about(time_s, seen, "http", name=host_text(host).decode("ascii"), decision=decision, url=shown)

    def _decided(self, time_s: float, seen: Packet, channel: str, wire: bytes, **more: Any) -> Found:
        decision = explain(self._tables, wire, _address(seen.src), int(time_s), channel)
        return _about(time_s, seen, channel, name=to_text(wire), decision=decision, **more)

    def _remember(self, key: FlowKey) -> None:
        self._told[key] = None
        if len(self._told) > FLOWS:
            self._told.popitem(last=False)


def _key(seen: Packet) -> FlowKey:
    return FlowKey(seen.src, seen.sport, seen.dst, seen.dport)


def _about(time_s: float, seen: Packet, channel: str, **more: Any) -> Found:
    """One line: the contract's keys in their order, whatever of them is known."""
    found: Found = {
        "ts": time_s,
        "channel": channel,
        "src": _address(seen.src),
        "sport": seen.sport,
        "dst": _address(seen.dst),
        "dport": seen.dport,
        "name": None,
        "url": None,
        "ech": None,
        "quic_version": None,
        "decision": None,
    }
    return found | more


def _is_name(host: bytes) -> bool:
    try:
        return from_host(host) is not None
    except ValueError:
        return False


def _of_hello(sighting: Sighting) -> dict[str, Any]:
    """What only a hello has."""
    if sighting.channel not in (Channel.SNI, Channel.QUIC):
        return {}
    version = sighting.quic_version
    return {
        "ech": sighting.has_ech,
        "quic_version": QUIC_VERSIONS.get(version, f"0x{version:08x}") if version else None,
    }


def _address(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))


def _channel_of_port(port: int) -> str:
    return "http" if port == HTTP_PORT else "sni"


def _url(host: bytes, target: bytes) -> str:
    """What was asked for, as text; a target that is absolute stands for itself."""
    path = target.decode("utf-8", "backslashreplace")
    return path if "://" in path else f"http://{host.decode('utf-8', 'backslashreplace')}{path}"
