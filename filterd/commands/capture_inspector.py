"""IP packets of a capture → every name that a client asked for, over DNS, TLS, QUIC, HTTP, with the decision on it.

TLS, QUIC and HTTP are read by the gate itself, which says what it judged (fastpath.tap.passive.Replay); decide() is
the workers'.  What differs from a gate in force: every port is looked at, and a listed name does not end the search.
Invariants: nothing a packet holds raises; what a flow's start says is reported once.
"""

import ipaddress
from collections.abc import Iterator
from typing import Any

from fastpath.dns.query import query
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Channel
from fastpath.report.hello_classes import Ja4Classes
from fastpath.report.trace import Sighting
from fastpath.tap.passive import Replay
from fastpath.wire.name import from_host, to_text
from fastpath.wire.packet import Packet, packet
from fastpath.wire.quic import VERSIONS
from fastpath.wire.url import host_text, join
from filterd.commands.pcap import BrokenPacket, Frame
from filterd.images.explain.explain import explain, explain_url
from filterd.images.words import word

PROTO_TCP = 6
SYN_ACK = 0x12
DNS_PORT, TLS_PORT, HTTP_PORT = 53, 443, 80

NOT_WEB = "neither a TLS hello nor an HTTP request"
# What the gate counts as undecidable, in words.
WHY = {
    ("sni", "gate_not_tls"): NOT_WEB,
    ("sni", "gate_no_name"): "a hello without a name",
    ("sni", "gate_malformed"): "a hello with contradictory lengths",
    ("sni", "gate_too_big"): "a hello, or what is in its place, longer than the gate inspects",
    ("http", "gate_h2c"): "HTTP/2 without TLS",
    ("http", "gate_no_name"): "a request without a host",
    ("http", "gate_malformed"): NOT_WEB,
    ("http", "gate_too_big"): "a request or a gap longer than the gate inspects",
    ("quic", "gate_not_tls"): "no hello where QUIC has one",
    ("quic", "gate_no_name"): "a hello without a name",
    ("quic", "gate_malformed"): "a hello with contradictory lengths",
    ("quic", "gate_too_big"): "a hello longer than the gate inspects",
    ("quic", "gate_unreadable"): "an Initial that no key opens: no server takes it, or its connection began before",
    ("quic", "gate_unknown_quic"): "a version of QUIC that is not known",
    ("quic", "gate_overlap"): "other octets than before in the same place: an evasion, or a broken client",
    ("sni", "gate_overlap"): "other octets than before in the same place: an evasion, or a broken client",
    ("http", "gate_overlap"): "other octets than before in the same place: an evasion, or a broken client",
}

Found = dict[str, Any]


class Inspector:
    """Feed it packets in order of time."""

    def __init__(self, tables: TableSet, *, tells_ja4: bool = False, ja4_classes: Ja4Classes | None = None) -> None:
        """tells_ja4   of every hello the JA4 of its software;   ja4_classes  and its class"""
        self._tells_ja4 = tells_ja4
        self._ja4_classes = ja4_classes
        self._tables = tables
        self._replay = Replay([TLS_PORT], [HTTP_PORT])

    def see(self, frame: Frame | BrokenPacket) -> Iterator[Found]:
        """What this packet completes."""
        if isinstance(frame, BrokenPacket):
            yield {"channel": None, "undecidable": frame.reason}
            return
        try:
            seen = packet(frame.packet)
        except ValueError as reason:
            # ICMP and similar types carry no names; a fragment may, and what no host would take is worth a line
            if not str(reason).startswith("neither"):
                yield {"ts": frame.time_s, "channel": None, "undecidable": str(reason)}
            return
        if seen is None:
            yield {"ts": frame.time_s, "channel": None, "undecidable": "the packet is cut"}
        elif DNS_PORT in (seen.sport, seen.dport):
            yield from self._see_dns(frame.time_s, seen)
        else:
            yield from self._replayed(frame, seen)

    # ------------------------------------------------------------------------------------------------------------------

    def _see_dns(self, time_s: float, seen: Packet) -> Iterator[Found]:
        if seen.dport != DNS_PORT:
            return
        if seen.proto == PROTO_TCP:
            yield from self._dns_stream(time_s, seen, seen.payload)
        else:
            yield self._dns(time_s, seen, seen.payload)

    def _replayed(self, frame: Frame, seen: Packet) -> Iterator[Found]:
        if seen.flags & SYN_ACK == SYN_ACK:  # it acknowledges what its client's SYN has carried
            seen = seen._replace(src=seen.dst, dst=seen.src, sport=seen.dport, dport=seen.sport)
        is_told = False  # of what is no name the gate counts once more what its own line says
        for sighting in self._replay.feed(frame.packet, int(frame.time_s * 1_000_000_000)):
            if sighting.undecidable is None:
                is_told |= not _is_name(sighting.host)
                yield self._named(frame.time_s, seen, sighting)
            elif not is_told:
                yield self._unnamed(frame.time_s, seen, sighting)
        if self._replay.n_lost:
            why = f"{self._replay.n_lost} more names than shown for one packet"
            yield _about(frame.time_s, seen, _channel_of_port(seen.dport), undecidable=why)

    def _named(self, time_s: float, seen: Packet, sighting: Sighting) -> Found:
        if sighting.channel == Channel.HTTP:
            return self._request(time_s, seen, sighting.host, sighting.target)
        return self._host(time_s, seen, word(Channel(sighting.channel)), sighting.host, **self._of_hello(sighting))

    def _unnamed(self, time_s: float, seen: Packet, sighting: Sighting) -> Found:
        channel = word(Channel(sighting.channel)) if sighting.channel else _channel_of_port(seen.dport)
        why = WHY.get((channel, sighting.undecidable or ""), str(sighting.undecidable))
        return _about(time_s, seen, channel, undecidable=why, **self._of_hello(sighting))

    def _of_hello(self, sighting: Sighting) -> dict[str, Any]:
        """What only a hello has."""
        if sighting.channel not in (Channel.SNI, Channel.QUIC):
            return {}
        version = sighting.quic_version
        shown = VERSIONS.get(version, f"0x{version:08x}") if version else None
        return {"ech": sighting.has_ech, "quic_version": shown} | self._software(sighting.ja4)

    def _software(self, ja4: str | None) -> dict[str, Any]:
        """ja4   None: the hello is not whole, or has none"""
        found: dict[str, Any] = {"ja4": ja4} if self._tells_ja4 else {}
        if self._ja4_classes is not None:
            found["ja4_class"] = self._ja4_classes.of(ja4) if ja4 else None
        return found

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


def _about(time_s: float, seen: Packet, channel: str, **more: Any) -> Found:
    """One line: the contract's keys in their order, no matter what of them is known."""
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


def _address(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))


def _channel_of_port(port: int) -> str:
    return "http" if port == HTTP_PORT else "sni"


def _url(host: bytes, target: bytes) -> str:
    """What was asked for, as text; a target that is absolute stands for itself."""
    path = target.decode("utf-8", "backslashreplace")
    return path if "://" in path else f"http://{host.decode('utf-8', 'backslashreplace')}{path}"
