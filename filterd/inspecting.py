"""IP packets of a capture → every name that a client asked for, over DNS, TLS, HTTP, with the decision on it.

The parsers, the stream window and decide() are the workers' own; what differs is only that nothing is forwarded, so a
stream is looked at whatever its port, and that nobody is asked to wait.
Invariants: nothing a packet holds raises; at most FLOWS streams are remembered, of those the longest unused goes first.
Absent in this version: QUIC.  An Initial is told as undecidable, once a flow.
"""

import ipaddress
import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

from fastpath.flow import Stream
from fastpath.http1 import request_head
from fastpath.name import from_host, to_text
from fastpath.packet import Packet, packet
from fastpath.question import query
from fastpath.tables import TableSet
from fastpath.tls import client_hello
from fastpath.url import host_text, join
from filterd.capture import Broken, Frame
from filterd.explain import explain, explain_url

FLOWS = 4096  # 32 KiB each while it is undecided: 128 MiB
PROTO_TCP = 6
FLAG_SYN, FLAG_ACK = 0x02, 0x10
QUIC_VERSIONS = {1: "1", 0x6B3343CF: "2", 0xFF00001D: "draft-29"}  # RFC 9000, RFC 9369, draft-ietf-quic-transport-29
DNS_PORT, TLS_PORT, HTTP_PORT = 53, 443, 80

_METHOD = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20} "
)  # RFC 9110 §5.6.2 token; the longest registered method has 16

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
        self._flows: OrderedDict[FlowKey, Stream | None] = OrderedDict()  # None: looked at, done with

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
            yield from self._see_segment(frame.time_s, seen)
        else:
            yield from self._see_datagram(frame.time_s, seen)

    # ------------------------------------------------------------------------------------------------------------------

    def _see_datagram(self, time_s: float, seen: Packet) -> Iterator[Found]:
        if seen.dport == DNS_PORT:
            yield self._dns(time_s, seen, seen.payload)
            return
        # RFC 9000 §17.2: a long header begins with two set bits, and a version follows
        is_long = len(seen.payload) > 5 and seen.payload[0] & 0xC0 == 0xC0
        if seen.dport == TLS_PORT and is_long and _key(seen) not in self._flows:
            self._remember(_key(seen), None)
            number = int.from_bytes(seen.payload[1:5], "big")
            version = QUIC_VERSIONS.get(number, f"0x{number:08x}")
            yield _about(time_s, seen, "quic", quic_version=version, undecidable="QUIC is not read in this version")

    def _see_segment(self, time_s: float, seen: Packet) -> Iterator[Found]:
        key = _key(seen)
        if seen.flags & FLAG_SYN:
            self._remember(key, Stream((seen.seq + 1) & 0xFFFFFF))
            return
        if not seen.payload:
            return
        if key not in self._flows:
            self._remember(key, Stream(seen.seq & 0xFFFFFF))  # we came late: what we see first counts as the begin
        self._flows.move_to_end(key)
        stream = self._flows[key]
        if stream is None:
            return
        try:
            at = stream.position(seen.seq)
            stream.put(at, seen.payload)
        except ValueError as reason:
            self._flows[key] = None
            yield _about(time_s, seen, _channel_of_port(seen.dport), undecidable=str(reason))
            return
        yield from self._look(time_s, seen, key, stream)

    def _look(self, time_s: float, seen: Packet, key: FlowKey, stream: Stream) -> Iterator[Found]:
        """Read what the stream holds so far; forget it where nothing more can come of it."""
        data = stream.contiguous
        if not data:
            return
        if seen.dport == DNS_PORT:
            yield from self._dns_stream(time_s, seen, data)
            is_open = False
        elif data[0] == 0x16:  # RFC 8446 §5.1: handshake
            is_open, found = self._tls(time_s, seen, data)
            yield from found
        elif _METHOD.match(data) or (len(data) < 21 and seen.dport == HTTP_PORT):
            is_open, found = self._http(time_s, seen, data)
            yield from found
        else:
            is_open = False
            if seen.dport in (TLS_PORT, HTTP_PORT):
                yield _about(
                    time_s, seen, _channel_of_port(seen.dport), undecidable="neither a TLS hello nor an HTTP request"
                )
        if not is_open:
            self._flows[key] = None

    def _tls(self, time_s: float, seen: Packet, data: bytes) -> tuple[bool, list[Found]]:
        """(whether more octets may tell more, what was found)."""
        if len(data) > 5 and data[5] != 1:  # a server's hello, or a handshake that we came too late for
            return False, []
        try:
            hello = client_hello(data)
        except ValueError as reason:
            return False, [_about(time_s, seen, "sni", undecidable=str(reason))]
        if hello is None:
            return True, []
        if not hello.names:
            return False, [_about(time_s, seen, "sni", ech=hello.has_ech, undecidable="a hello without a name")]
        return False, [self._host(time_s, seen, "sni", name, ech=hello.has_ech) for name in hello.names]

    def _http(self, time_s: float, seen: Packet, data: bytes) -> tuple[bool, list[Found]]:
        """Every whole request head at the begin of `data`; a request behind a body is not looked for."""
        found: list[Found] = []
        at = 0
        while at < len(data):
            try:
                head = request_head(data[at:])
            except ValueError as reason:
                return False, found or [_about(time_s, seen, "http", undecidable=str(reason))]
            if head is None:
                return not found, found
            if not head.hosts:
                found.append(_about(time_s, seen, "http", undecidable="a request without a host"))
            found += [self._request(time_s, seen, host, head.target) for host in head.hosts]
            at += head.after
        return False, found

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

    def _remember(self, key: FlowKey, stream: Stream | None) -> None:
        self._flows[key] = stream
        self._flows.move_to_end(key)
        if len(self._flows) > FLOWS:
            self._flows.popitem(last=False)


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


def _address(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))


def _channel_of_port(port: int) -> str:
    return "http" if port == HTTP_PORT else "sni"


def _url(host: bytes, target: bytes) -> str:
    """What was asked for, as text; a target that is absolute stands for itself."""
    path = target.decode("utf-8", "backslashreplace")
    return path if "://" in path else f"http://{host.decode('utf-8', 'backslashreplace')}{path}"
