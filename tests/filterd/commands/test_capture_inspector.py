import random
import struct
from typing import Any

import pytest
from support.images.opened import Images
from support.packets import shapes as wire
from support.packets.builders import hello_message, records
from support.packets.initials import crypto, initial

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.report.hello_classes import Ja4Classes
from fastpath.wire.ja4 import ja4
from filterd.commands.capture_inspector import Inspector
from filterd.commands.pcap import BrokenPacket, Frame

SYN, DATA = 0x02, 0x18
REQUEST = b"GET /a/b HTTP/1.1\r\nHost: bad.test\r\n\r\n"


@pytest.fixture
def inspector(images: Images) -> Inspector:
    return Inspector(TableSet(images.names([("orders", "bad.test", Mode.SUBTREE)])))


def segment(payload: bytes, seq: int = 1000, flags: int = DATA) -> Frame:
    return Frame(5.0, wire.ipv4(wire.tcp(payload, seq=seq, flags=flags)))


def see(inspector: Inspector, *frames: Frame | BrokenPacket) -> list[dict[str, Any]]:
    return [found for frame in frames for found in inspector.see(frame)]


def summary(found: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    return [(each["channel"], each.get("name"), each["decision"] and each["decision"]["action"]) for each in found]


def test_a_hello_in_one_segment_is_decided(inspector: Inspector) -> None:
    found = see(inspector, segment(wire.hello(b"www.bad.test")))

    assert summary(found) == [("sni", "www.bad.test", "splash")]
    assert found[0]["ech"] is False
    assert found[0]["ts"] == 5.0


def test_a_hello_is_put_together_from_segments_in_any_order(inspector: Inspector) -> None:
    hello = wire.hello(b"www.bad.test")
    start = segment(b"", 999, SYN)
    parts = [segment(hello[at : at + 20], 1000 + at) for at in range(0, len(hello), 20)]
    random.Random(7).shuffle(parts)

    assert summary(see(inspector, start, *parts)) == [("sni", "www.bad.test", "splash")]


def test_every_pipelined_request_is_decided_with_its_url(inspector: Inspector) -> None:
    found = see(inspector, segment(REQUEST + REQUEST.replace(b"bad.test", b"good.test")))

    assert summary(found) == [("http", "bad.test", "splash"), ("http", "good.test", "passthru")]
    assert found[0]["url"] == "http://bad.test/a/b"


@pytest.mark.parametrize(
    ("target", "host", "action"),
    [
        (b"/x/../listed/a", b"shared.test:99", "splash"),
        (b"/other", b"shared.test", "passthru"),
        (b"/" + b"a" * 3000, b"shared.test", "passthru"),
        (b"/listed", b"192.0.2.80:80", "splash"),
    ],
)
def test_a_request_is_decided_with_its_url(images: Images, target: bytes, host: bytes, action: str) -> None:
    urls = [("orders", "shared.test/listed", Mode.SUBTREE), ("orders", "192.0.2.80/listed", Mode.EXACT)]
    inspector = Inspector(TableSet(images.names([]), urls=images.urls(urls)))
    octets = b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"

    assert summary(see(inspector, segment(octets))) == [("http", host.split(b":")[0].decode(), action)]


def test_an_address_without_a_listed_url_is_undecidable(images: Images) -> None:
    inspector = Inspector(TableSet(images.names([])))

    [found] = see(inspector, segment(REQUEST.replace(b"bad.test", b"192.0.2.80")))

    assert found["undecidable"] == "an address stands where a name should"


def test_a_question_is_decided(inspector: Inspector) -> None:
    frame = Frame(5.0, wire.ipv4(datagram(53, wire.question(b"x.BAD.test")), proto=17))

    assert summary(see(inspector, frame)) == [("dns", "x.bad.test", "splash")]


def datagram(port: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


def quic(*datagrams: bytes) -> list[Frame]:
    return [Frame(5.0, wire.ipv4(datagram(443, each), proto=17)) for each in datagrams]


def test_quic_is_decided_by_the_datagram_that_completes_its_hello(inspector: Inspector) -> None:
    message = hello_message(b"x.bad.test", padding=1500)
    first, second = initial(crypto(900, message[900:])), initial(crypto(0, message[:900]), number=1)

    found = see(inspector, *quic(first, second))

    assert summary(found) == [("quic", "x.bad.test", "splash")]
    assert (found[0]["quic_version"], found[0]["ech"]) == ("1", False)


@pytest.mark.parametrize("is_quic", [False, True])
def test_the_software_that_says_hello_is_told_where_that_is_asked_for(images: Images, is_quic: bool) -> None:
    message = hello_message(b"x.bad.test")
    frames = quic(initial(crypto(0, message))) if is_quic else [segment(records(message))]
    tables = TableSet(images.names([]))

    [asked] = see(Inspector(tables, tells_ja4=True), *frames)
    [silent] = see(Inspector(tables), *frames)

    assert asked["ja4"] == ja4(message, is_quic)
    assert "ja4" not in silent
    assert "ja4_class" not in asked


def test_the_class_of_the_software_is_told_where_classes_are_given(images: Images) -> None:
    known, unknown = hello_message(b"x.bad.test"), hello_message()
    tables, classes = TableSet(images.names([])), Ja4Classes({ja4(known): "vpn"})
    [of_known] = see(Inspector(tables, ja4_classes=classes), segment(records(known)))
    [of_unknown] = see(Inspector(tables, ja4_classes=classes), segment(records(unknown)))

    assert (of_known["ja4_class"], of_unknown["ja4_class"]) == ("vpn", "other")


def test_what_is_no_hello_has_no_class(images: Images) -> None:
    inspector = Inspector(TableSet(images.names([])), ja4_classes=Ja4Classes({}))

    [found] = see(inspector, segment(b"SSH-2.0-client\r\n"))

    assert found["ja4_class"] is None


def test_an_initial_that_no_key_opens_is_told_as_undecidable(inspector: Inspector) -> None:
    [found] = see(inspector, *quic(b"\xc3\x00\x00\x00\x01\x08" + bytes(8) + b"\x00\x00\x20" + bytes(32)))

    assert (found["channel"], found["quic_version"]) == ("quic", "1")
    assert "no key opens" in found["undecidable"]


def test_what_is_neither_tls_nor_http_on_port_443_is_undecidable(inspector: Inspector) -> None:
    (found,) = see(inspector, segment(b"\x00\x01\x02\x03"))

    assert found["undecidable"] == "neither a TLS hello nor an HTTP request"


def test_a_hello_without_a_name_is_undecidable(inspector: Inspector) -> None:
    (found,) = see(inspector, segment(wire.records(wire.hello_message([]), 16384)))

    assert found["undecidable"] == "a hello without a name"


def test_a_segment_that_contradicts_an_earlier_one_is_undecidable(inspector: Inspector) -> None:
    hello = wire.hello(b"www.bad.test")

    (found,) = see(inspector, segment(b"", 999, SYN), segment(hello[:20]), segment(b"\x16\x03\x02" + hello[3:25]))

    assert "other octets than before" in found["undecidable"]


def test_a_question_over_tcp_is_decided(inspector: Inspector) -> None:
    asked = wire.question(b"x.bad.test")
    octets = wire.vector(asked, 2) * 2
    packet = bytearray(segment(octets).packet)
    struct.pack_into("!H", packet, 22, 53)

    assert summary(see(inspector, Frame(5.0, bytes(packet)))) == [("dns", "x.bad.test", "splash")] * 2


def test_a_host_that_is_no_name_is_told_once(inspector: Inspector) -> None:
    (found,) = see(inspector, segment(REQUEST.replace(b"bad.test", b"bad .test\xff")))

    assert found["channel"] == "http" and "undecidable" in found


def test_a_broken_part_of_the_file_is_told_and_the_next_packet_follows(inspector: Inspector) -> None:
    found = see(inspector, BrokenPacket("the file ends inside a packet"), segment(wire.hello(b"bad.test")))

    assert found[0] == {"channel": None, "undecidable": "the file ends inside a packet"}
    assert summary(found[1:]) == [("sni", "bad.test", "splash")]


def test_no_packet_however_damaged_raises(inspector: Inspector) -> None:
    whole = segment(wire.hello(b"www.bad.test")).packet
    dice = random.Random(1)
    for _ in range(2000):
        damaged = bytearray(whole[: dice.randrange(1, len(whole) + 1)])
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        see(inspector, Frame(0.0, bytes(damaged)))


@pytest.mark.parametrize("fragment", [0x2000, 0x2001, 0x0001], ids=["first", "middle", "last"])
def test_a_fragment_is_told_as_it_may_hold_a_name(inspector: Inspector, fragment: int) -> None:
    packet = wire.ipv4(wire.tcp(wire.hello(b"www.bad.test")), fragment=fragment)

    [found] = see(inspector, Frame(5.0, packet))

    assert "a fragment" in found["undecidable"]


def test_a_fragment_of_what_carries_no_names_is_stepped_over(inspector: Inspector) -> None:
    assert see(inspector, Frame(5.0, wire.ipv4(bytes(64), proto=1, fragment=0x2000))) == []


def syn_ack(acked: int) -> Frame:
    head = struct.pack("!HHIIBBHHH", 443, 40000, 7000, acked, 5 << 4, 0x12, 64240, 0, 0)
    packet = bytearray(wire.ipv4(head))
    packet[12:16], packet[16:20] = packet[16:20], packet[12:16]
    return Frame(6.0, bytes(packet))


def test_a_hello_on_a_syn_is_decided_when_its_server_has_taken_it(inspector: Inspector) -> None:
    hello, cipher = wire.hello(b"www.bad.test"), b"\x14\x03\x03\0\x01\x01"

    found = see(inspector, segment(hello, 999, SYN), syn_ack(1000 + len(hello)), segment(cipher, 1000 + len(hello)))

    assert summary(found) == [("sni", "www.bad.test", "splash")]
    assert (found[0]["src"], found[0]["dport"]) == ("192.0.2.10", 443)


def test_a_hello_on_a_syn_that_its_server_has_not_taken_is_none(inspector: Inspector) -> None:
    bad, good = wire.hello(b"www.bad.test"), wire.hello(b"www.good.test")

    found = see(inspector, segment(bad, 999, SYN), syn_ack(1000), segment(good))

    assert summary(found) == [("sni", "www.good.test", "passthru")]


@pytest.mark.parametrize("port", [80, 443, 8080])
def test_http_2_without_tls_is_told_as_undecidable(inspector: Inspector, port: int) -> None:
    packet = bytearray(segment(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)).packet)
    struct.pack_into("!H", packet, 22, port)

    [found] = see(inspector, Frame(5.0, bytes(packet)))

    assert (found["channel"], found["undecidable"]) == ("http", "HTTP/2 without TLS")
