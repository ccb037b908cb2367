import random
import struct
from collections.abc import Iterable
from ipaddress import ip_network

import pytest
from support.images.opened import Entry, Images

from dns.base.message import Message, Question, Record, read_message, read_soa, write_message
from dns.base.wire_format import (
    AA,
    AXFR,
    FORMERR,
    IXFR,
    NOERROR,
    NOTAUTH,
    NOTIFY,
    NOTIMP,
    NS,
    OPCODE_SHIFT,
    QR,
    REFUSED,
    SERVFAIL,
    SOA,
    A,
    rcode_text,
)
from dns.zones.ixfr import IncomingTransfer, Kind
from dns.zones.rpz_edition import Plan
from dns.zones.served_zone import Rights, ServedZone
from dns.zones.tsig import AnswerChecker, Key, find_tsig, sign_query
from dns.zones.xfr_out import MESSAGE_OCTETS, Answer, Answerer
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

NOW_S = 1_795_000_000
SIGNED, OPEN = to_wire(b"rpz.example"), to_wire(b"open.example")
KEY = Key(to_wire(b"key"), "hmac-sha256", bytes(range(32)))
OTHER_KEY = Key(to_wire(b"other"), "hmac-sha256", bytes(32))
HERE, NEXT_DOOR, ELSEWHERE = "192.0.2.53", "192.0.2.200", "198.51.100.1"
NET, HOST = ip_network("192.0.2.0/24"), ip_network("192.0.2.53/32")


@pytest.fixture
def zones() -> list[ServedZone]:
    """One with a key, for a network; one for a host; one with another key."""
    return [
        ServedZone(Plan(SIGNED, ("malware",)), Rights((NET,), KEY)),
        ServedZone(Plan(OPEN, ("malware",)), Rights((HOST, ip_network("2001:db8::/32")))),
        ServedZone(Plan(to_wire(b"other.example"), ("malware",)), Rights((NET,), OTHER_KEY)),
    ]


@pytest.fixture
def answerer(zones: list[ServedZone]) -> Answerer:
    return Answerer(zones, lambda: NOW_S)


def serve(zones: Iterable[ServedZone], images: Images, *names: str) -> None:
    """The next edition: these names."""
    entries: list[Entry] = [("malware", name, Mode.EXACT) for name in names]
    tables = TableSet(images.names(entries))
    for zone in zones:
        zone.take(*zone.prepare(tables))


def query(qname: bytes, qtype: int, serial: int | None = None, flags: int = 0) -> bytes:
    ours = [] if serial is None else [Record(qname, SOA, 1, 0, bytes(2) + struct.pack(">5I", serial, 0, 0, 0, 0))]
    return write_message(7, flags, [Question(qname, qtype)], (), ours)


def ask(answerer: Answerer, octets: bytes, client: str = HERE, is_stream: bool = True) -> list[Message]:
    return [read_message(each) for each in asked(answerer, octets, client, is_stream).messages]


def asked(answerer: Answerer, octets: bytes, client: str = HERE, is_stream: bool = True) -> Answer:
    answer = answerer.answer(octets, client, is_stream)
    assert answer is not None
    return answer


def rcode(answerer: Answerer, octets: bytes, client: str = HERE, is_stream: bool = True) -> int:
    answer = asked(answerer, octets, client, is_stream)
    (message,) = map(read_message, answer.messages)
    assert answer.refused.startswith(rcode_text(message.rcode))
    assert answer.refused.isprintable()
    assert not message.answers
    assert not message.flags & AA
    return message.rcode


def transferred(messages: Iterable[Message], zone: bytes, serial: int | None) -> tuple[IncomingTransfer, list[Record]]:
    """What the client of dns.zones.xfr_in makes of it."""
    whole: list[Record] = []
    incoming = IncomingTransfer(zone, serial, whole.append, 10_000)
    for message in messages:
        incoming.take(message.answers)
    assert incoming.is_complete
    return incoming, whole


def test_the_soa_of_a_zone_is_told_over_either_transport(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images, "a.test")

    for is_stream in (False, True):
        (message,) = ask(answerer, query(OPEN, SOA, flags=0x0100), is_stream=is_stream)

        assert (message.id, message.flags) == (7, QR | AA | 0x0100)
        assert message.questions == [Question(OPEN, SOA)]
        assert [read_soa(record).serial for record in message.answers] == [1]


def test_the_letters_of_the_question_come_back_as_they_were(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images)

    (octets,) = asked(answerer, query(b"\4oPeN\7eXample\0", SOA)).messages

    assert octets[12:].startswith(b"\4oPeN\7eXample\0\0\6\0\1")


def test_the_zone_has_one_name_server_that_is_nobody(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images)

    (message,) = ask(answerer, query(OPEN, NS))

    assert [(record.rtype, record.rdata) for record in message.answers] == [(NS, to_wire(b"localhost"))]


def test_a_whole_zone_begins_and_ends_with_its_soa(answerer: Answerer, zones: list[ServedZone], images: Images) -> None:
    serve(zones, images, "a.test", "b.test")

    incoming, whole = transferred(ask(answerer, query(OPEN, AXFR)), OPEN, None)

    assert (incoming.kind, incoming.serial) == (Kind.WHOLE, 1)
    assert [record.rtype for record in whole[:2]] == [SOA, NS]
    assert {record.owner for record in whole[2:]} == {to_wire(b"a.test.open.example"), to_wire(b"b.test.open.example")}


def test_a_large_zone_comes_in_many_messages_none_too_long(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images, *(f"{n}.{'x' * 60}.test" for n in range(3000)))

    octets = list(asked(answerer, query(OPEN, AXFR)).messages)

    assert len(octets) > 3
    assert max(map(len, octets)) <= MESSAGE_OCTETS
    assert min(map(len, octets[:-1])) > MESSAGE_OCTETS - 512
    assert len(transferred(map(read_message, octets), OPEN, None)[1]) == 3002


def test_a_transfer_is_of_one_edition_though_a_newer_one_comes_meanwhile(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images, *(f"{n}.{'x' * 60}.test" for n in range(3000)))
    messages = asked(answerer, query(OPEN, AXFR)).messages
    first = next(messages)
    serve(zones, images, "a.test")

    incoming, whole = transferred(map(read_message, [first, *messages]), OPEN, None)

    assert (incoming.serial, len(whole)) == (1, 3002)


def test_what_has_changed_since_a_serial_comes_step_by_step(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    for names in (["a.test"], ["a.test", "b.test"], ["c.test"]):
        serve(zones, images, *names)

    answer = asked(answerer, query(OPEN, IXFR, 1))
    incoming, _ = transferred(map(read_message, answer.messages), OPEN, 1)

    assert answer.title == "open.example: IXFR from 1 to 3"
    assert [(change.old_serial, len(change.removed), len(change.added)) for change in incoming.changes] == [
        (1, 0, 1),
        (2, 2, 1),
    ]


@pytest.mark.parametrize("serial", [3, 4, 2**31])
def test_who_has_the_newest_serial_or_a_newer_one_gets_the_soa_alone(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
    serial: int,
) -> None:
    images.generation = 2
    serve(zones, images, "a.test")

    (message,) = ask(answerer, query(OPEN, IXFR, serial))

    assert [record.rtype for record in message.answers] == [SOA]


def test_from_a_serial_that_is_not_known_the_whole_zone_comes(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    images.generation = 7
    serve(zones, images, "a.test")

    incoming, whole = transferred(ask(answerer, query(OPEN, IXFR, 5)), OPEN, 5)

    assert (incoming.kind, len(whole)) == (Kind.WHOLE, 3)


def test_over_udp_an_ixfr_gets_the_soa_and_an_axfr_formerr(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images, "a.test")
    serve(zones, images, "b.test")

    (message,) = ask(answerer, query(OPEN, IXFR, 1), is_stream=False)

    assert [read_soa(record).serial for record in message.answers] == [2]
    assert rcode(answerer, query(OPEN, AXFR), is_stream=False) == FORMERR


def test_an_ixfr_that_does_not_say_from_where_is_malformed(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images)

    assert rcode(answerer, query(OPEN, IXFR)) == FORMERR


@pytest.mark.parametrize(
    ("qname", "qtype"),
    [
        (OPEN, A),
        (OPEN, 255),
        (to_wire(b"a.test.open.example"), A),
        (to_wire(b"a.test.open.example"), AXFR),
        (to_wire(b"example"), SOA),
        (b"\0", NS),
    ],
)
def test_only_zones_as_a_whole_are_served(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
    qname: bytes,
    qtype: int,
) -> None:
    serve(zones, images, "a.test")

    assert rcode(answerer, query(qname, qtype)) == REFUSED


def test_before_the_first_images_a_zone_fails_for_now(answerer: Answerer) -> None:
    assert rcode(answerer, query(OPEN, SOA)) == SERVFAIL


@pytest.mark.parametrize("client", [ELSEWHERE, "2001:db8:1::1", "::ffff:198.51.100.1"])
def test_from_an_address_that_is_not_allowed_everything_is_refused(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
    client: str,
) -> None:
    serve(zones, images, "a.test")
    signed, _ = sign_query(query(SIGNED, AXFR), KEY, NOW_S)

    assert rcode(answerer, signed, client) == REFUSED
    if client == ELSEWHERE:
        assert rcode(answerer, query(OPEN, AXFR), client) == REFUSED


def test_an_address_of_one_zone_opens_no_other(answerer: Answerer, zones: list[ServedZone], images: Images) -> None:
    serve(zones, images, "a.test")

    assert rcode(answerer, query(OPEN, AXFR), NEXT_DOOR) == REFUSED
    assert ask(answerer, query(OPEN, SOA), f"::ffff:{HERE}")[0].rcode == NOERROR
    assert ask(answerer, query(OPEN, SOA), "2001:db8::1%eth0")[0].rcode == NOERROR


@pytest.mark.parametrize("qtype", [SOA, NS, AXFR])
def test_a_zone_with_a_key_is_refused_without_it_and_with_another(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
    qtype: int,
) -> None:
    serve(zones, images, "a.test")
    signed, mac = sign_query(query(SIGNED, qtype), OTHER_KEY, NOW_S)

    assert rcode(answerer, query(SIGNED, qtype)) == REFUSED
    (octets,) = asked(answerer, signed).messages
    refused = read_message(AnswerChecker(OTHER_KEY, mac).check(octets, NOW_S))
    assert (refused.rcode, refused.answers) == (REFUSED, [])


def test_every_message_that_answers_a_signed_request_is_signed(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images, *(f"{n}.{'x' * 60}.test" for n in range(3000)))
    signed, mac = sign_query(query(SIGNED, AXFR), KEY, NOW_S)
    checker = AnswerChecker(KEY, mac)

    octets = list(asked(answerer, signed).messages)

    assert max(map(len, octets)) < 65535
    assert all(read_message(each).additionals for each in octets)
    _, whole = transferred((read_message(checker.check(each, NOW_S)) for each in octets), SIGNED, None)
    checker.finish()
    assert len(whole) == 3002


@pytest.mark.parametrize(
    ("key", "at_s", "error"),
    [
        (Key(KEY.name, "hmac-sha256", bytes(32)), NOW_S, 16),
        (Key(to_wire(b"who"), "hmac-sha256", bytes(32)), NOW_S, 17),
        (KEY, NOW_S - 400, 18),
    ],
)
def test_a_signature_that_is_not_believed_gets_notauth_and_the_reason(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
    key: Key,
    at_s: int,
    error: int,
) -> None:
    serve(zones, images, "a.test")
    signed, _ = sign_query(query(SIGNED, AXFR), key, at_s)

    (octets,) = asked(answerer, signed).messages
    message = read_message(octets)
    assert (message.rcode, message.answers) == (NOTAUTH, [])
    tsig = find_tsig(octets)
    assert tsig is not None
    assert tsig.error == error


def test_two_keys_of_one_name_are_refused(zones: list[ServedZone]) -> None:
    rights = Rights((NET,), Key(KEY.name, "hmac-sha256", bytes(32)))

    with pytest.raises(ValueError, match="two keys of this name"):
        Answerer([*zones, ServedZone(Plan(to_wire(b"more.example"), ()), rights)], lambda: NOW_S)


def test_what_is_no_query_is_not_implemented_and_what_is_no_request_gets_nothing(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images)

    assert rcode(answerer, query(OPEN, SOA, flags=NOTIFY << OPCODE_SHIFT)) == NOTIMP
    assert answerer.answer(query(OPEN, SOA, flags=QR), HERE, True) is None
    assert answerer.answer(query(OPEN, SOA)[:11], HERE, True) is None


def test_a_request_with_two_questions_or_another_class_is_turned_away(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images)

    assert rcode(answerer, write_message(7, 0, [Question(OPEN, SOA)] * 2)) == FORMERR
    assert rcode(answerer, write_message(7, 0, [Question(OPEN, SOA, 3)])) == REFUSED


def test_a_request_cut_anywhere_or_with_octets_behind_it_is_malformed(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images, "a.test")
    whole, _ = sign_query(query(SIGNED, IXFR, 1), KEY, NOW_S)

    for n in range(12, len(whole)):
        assert rcode(answerer, whole[:n]) == FORMERR
    assert rcode(answerer, whole + b"\0") == FORMERR


def test_a_request_with_any_octet_changed_gets_an_answer_that_tells_nothing(
    answerer: Answerer,
    zones: list[ServedZone],
    images: Images,
) -> None:
    serve(zones, images, "a.test")
    whole, _ = sign_query(query(SIGNED, AXFR), KEY, NOW_S)
    draw = random.Random(2)

    for at in range(2, len(whole)):
        changed = bytearray(whole)
        changed[at] ^= draw.randrange(1, 256)
        answer = answerer.answer(bytes(changed), HERE, True)
        if answer is not None:
            for message in map(read_message, answer.messages):
                # the key's name, the algorithm's and the zone's, and the original id may be spelled in another way
                assert message.rcode != NOERROR or read_message(bytes(changed)).questions == [Question(SIGNED, AXFR)]
