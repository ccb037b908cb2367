import pytest
from support.packets.builders import Client, hello, hello_message, request

from fastpath.images.verdict import Channel
from fastpath.report.trace import Sighting
from fastpath.tap.passive import Replay
from fastpath.wire.ja4 import ja4

SNI, HTTP = Channel.SNI, Channel.HTTP


@pytest.fixture
def replay() -> Replay:
    return Replay()


def test_every_name_of_a_hello_is_noted_in_its_order(replay: Replay) -> None:
    sightings = replay.feed(Client().segment(0, hello(b"a.test", b"B.test.")), 1)

    software = ja4(hello_message(b"a.test", b"B.test."))
    assert [each.ja4 for each in sightings] == [software, software]
    assert [each._replace(ja4=None) for each in sightings] == [
        Sighting(SNI, b"a.test", b"", False, 0, None),
        Sighting(SNI, b"B.test.", b"", False, 0, None),
    ]


def test_what_is_undecidable_is_noted_by_the_name_of_its_counter(replay: Replay) -> None:
    [sighting] = replay.feed(Client().segment(0, hello()), 1)

    assert sighting == Sighting(SNI, b"", b"", False, 0, "gate_no_name", ja4(hello_message()))


def test_a_contradiction_is_noted_before_anything_was_read(replay: Replay) -> None:
    replay.feed(Client().segment(0, hello(b"a.test")[:50]), 1)

    assert replay.feed(Client().segment(0, b"\x16\x03\x03"), 1) == [Sighting(0, b"", b"", False, 0, "gate_overlap")]


def test_every_host_of_a_head_is_noted_with_the_target(replay: Replay) -> None:
    head = request(b"a.test", b"http://b.test/c", more=b"Host: d.test\r\n")
    sightings = replay.feed(Client(dport=80).segment(0, head), 1)

    target = b"http://b.test/c"
    assert sightings == [Sighting(HTTP, host, target, False, 0, None) for host in (b"b.test", b"a.test", b"d.test")]


def test_each_packet_begins_a_trace_of_its_own(replay: Replay) -> None:
    assert len(replay.feed(Client().segment(0, hello(b"a.test")), 1)) == 1
    assert replay.feed(Client(sport=7).segment(0, b"\x16"), 1) == []


def test_what_does_not_fit_is_counted_and_the_next_packet_is_whole(replay: Replay) -> None:
    target = b"/" + b"a" * 15900
    more = b"".join(b"Host: h%d.test\r\n" % number for number in range(7))
    head = request(b"a.test", target, more=more)
    packets = [Client(dport=80, sport=port).segment(0, head) for port in (1, 2)]
    assert [len(replay.feed(each, 1)) for each in packets] == [8, 8]
    assert replay.n_lost == 0

    tiny = b"".join(request(b"a%d" % number) for number in range(500))
    assert len(replay.feed(Client(dport=80, sport=3).segment(0, tiny), 1)) == 500
