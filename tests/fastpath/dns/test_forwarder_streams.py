"""Truncated answers are asked for over a stream; the test plays the process that carries it."""

import os
import socket
from contextlib import ExitStack
from random import Random

import pytest
from dnslib import CNAME, EDNS0, QTYPE, RCODE, RR, TXT, A, DNSHeader, DNSQuestion, DNSRecord
from support.dns.loop_bench import Bench, says_nothing, with_address
from support.dns.streamed_bench import Streamed, truncated
from support.images.opened import Images

from fastpath.images.verdict import Mode

STREAM_PATIENCE_S = 1.5


@pytest.fixture
def bench(images: Images, stack: ExitStack) -> Streamed:
    return Streamed(images, stack)


def with_text(asked: DNSRecord, n_records: int) -> bytes:
    """Some 260 octets a record."""
    reply = asked.reply()
    for number in range(n_records):
        reply.add_answer(RR(asked.q.qname, QTYPE.TXT, rdata=TXT(f"{number:05}" * 50), ttl=300))
    return bytes(reply.pack())


def failed(asked: DNSRecord, rcode: int = RCODE.SERVFAIL) -> bytes:
    reply = asked.reply()
    reply.header.rcode = rcode
    return bytes(reply.pack())


def test_a_truncated_answer_is_asked_for_over_the_stream_and_everybody_who_waits_gets_it_whole(
    images: Images, stack: ExitStack
) -> None:
    bench = Streamed(images, stack, hosts=("127.0.0.1", "::1"))
    queries = [bench.ask(name, "TXT", client=client) for client, name in enumerate(["free.test", "fReE.tEsT"])]
    bench.cut()
    assert says_nothing(bench.clients[0])
    asked = bench.streamed()
    bench.say(with_text(asked, 1))

    assert (str(asked.q.qname).lower(), asked.q.qtype, asked.header.rd) == ("free.test.", QTYPE.TXT, 1)
    for client, query in enumerate(queries):
        answer = bench.answer(client)
        assert (answer.header.id, answer.q, answer.header.tc, len(answer.rr)) == (query.header.id, query.q, 0, 1)
        assert says_nothing(bench.clients[client])
    assert says_nothing(bench.upstream)
    assert bench.counted("dns_tcp_fallbacks", "dns_tcp_failed", "dns_answered", "dns_retried") == (1, 0, 2, 0)


def test_who_asks_meanwhile_waits_for_the_same_answer(bench: Streamed) -> None:
    first = bench.ask("free.test", "TXT")
    bench.cut()
    later = bench.ask("free.test", "TXT")
    bench.say(with_text(bench.streamed(), 1))

    assert {bench.answer().header.id, bench.answer().header.id} == {first.header.id, later.header.id}
    assert bench.counted("dns_forwarded", "dns_coalesced", "dns_tcp_fallbacks") == (1, 1, 1)


def test_the_whole_answer_is_kept_and_each_client_gets_as_much_as_it_takes(bench: Streamed) -> None:
    asked = bench.truncate()
    bench.say(with_text(asked, 4))
    assert (bench.answer().header.tc, bench.counted("dns_tcp_failed")) == (1, (0,))  # it takes 512

    query = DNSRecord.question("free.test", "TXT")
    query.add_ar(EDNS0(udp_len=1232))
    bench.send(bytes(query.pack()))

    answer = bench.answer()
    assert (answer.header.tc, len(answer.rr)) == (0, 4)
    assert bench.counted("dns_cache_hits", "dns_forwarded", "dns_tcp_fallbacks") == (1, 1, 1)


def test_the_longest_answer_of_all_is_taken_whole(bench: Streamed) -> None:
    asked = bench.truncate()
    longest = with_text(asked, 245)
    assert 64_000 < len(longest) < 65_536
    bench.say(longest)
    assert bench.answer().header.tc == 1

    bench.ask("free.test", "TXT")

    assert bench.answer().header.tc == 1
    assert bench.counted("dns_cache_hits", "dns_forwarded") == (1, 1)


def test_an_answer_that_is_longer_than_a_datagram_of_ours_is_asked_for_over_the_stream(bench: Streamed) -> None:
    bench.ask("free.test", "TXT")
    asked, sender = bench.forwarded()
    bench.reply(with_text(asked, 40), sender)

    bench.say(with_text(bench.streamed(), 1))

    assert len(bench.answer().rr) == 1


@pytest.mark.parametrize("lie", ["id", "name", "type", "class", "a query", "nothing", "half"])
def test_who_lies_about_the_question_over_the_stream_is_not_believed(bench: Streamed, lie: str) -> None:
    asked = bench.truncate("free.test", "A")
    true, number = with_address(asked), asked.header.id
    said = {
        "id": bytes([true[0] ^ 0x55]) + true[1:],
        "name": with_address(DNSRecord(DNSHeader(id=number), q=DNSQuestion("evil.test"))),
        "type": with_address(DNSRecord(DNSHeader(id=number), q=DNSQuestion("free.test", QTYPE.MX))),
        "class": with_address(DNSRecord(DNSHeader(id=number), q=DNSQuestion("free.test", QTYPE.A, 3))),
        "a query": true[:2] + bytes([true[2] & 0x7F]) + true[3:],
        "nothing": b"",
        "half": true[:-3],
    }
    bench.say(said[lie])
    assert says_nothing(bench.clients[0])
    bench.say(true)

    assert str(bench.answer().a.rdata) == "198.51.100.1"
    assert bench.counted("dns_upstream_late") == (1,)


def test_an_answer_over_the_stream_is_not_believed_of_udp_nor_of_another_upstreams_stream(
    images: Images, stack: ExitStack
) -> None:
    bench = Streamed(images, stack, 2)
    bench.ask("free.test", "TXT")
    asked, sender = bench.forwarded()
    bench.reply(truncated(asked), sender)
    again = bench.streamed()

    bench.reply(with_text(again, 1), sender)
    bench.reply(with_text(asked, 1), sender)
    bench.say(with_text(again, 1), 1)

    assert says_nothing(bench.clients[0])


@pytest.mark.parametrize("rcode", [RCODE.NOERROR, RCODE.NXDOMAIN])
def test_where_the_stream_gives_nothing_the_truncated_answer_is_handed_on_as_it_was(
    bench: Streamed, rcode: int
) -> None:
    query = bench.ask("free.test", "TXT")
    asked, sender = bench.forwarded()
    reply = DNSRecord.parse(truncated(asked))
    reply.header.rcode = rcode
    bench.reply(bytes(reply.pack()), sender)
    bench.say(truncated(bench.streamed()))

    answer = bench.answer()
    assert (answer.header.id, answer.header.tc, answer.header.rcode, answer.q) == (query.header.id, 1, rcode, query.q)
    assert answer.rr == answer.auth == []
    assert says_nothing(bench.streams[0]) and says_nothing(bench.upstream)
    assert bench.counted("dns_tcp_fallbacks", "dns_tcp_failed", "dns_upstream_lost") == (1, 1, 0)


def test_where_the_stream_is_silent_the_truncated_answer_is_handed_on_in_time(bench: Streamed) -> None:
    asked = bench.truncate()
    bench.ahead_s = STREAM_PATIENCE_S - 0.2
    bench.turn(0)
    assert says_nothing(bench.clients[0])

    bench.ahead_s = STREAM_PATIENCE_S
    bench.turn(0)
    assert bench.answer().header.tc == 1
    bench.say(with_text(asked, 1))

    assert says_nothing(bench.clients[0])
    assert bench.counted("dns_tcp_fallbacks", "dns_tcp_failed", "dns_upstream_late") == (1, 1, 1)


def test_a_stream_that_cannot_be_opened_leaves_the_answer_truncated(bench: Streamed) -> None:
    bench.streams[0].close()  # and so is refused
    bench.ask("free.test", "TXT")
    bench.cut()

    assert bench.answer().header.tc == 1
    assert bench.counted("dns_tcp_fallbacks", "dns_tcp_failed", "dns_send_failed") == (1, 1, 1)


def test_a_stream_without_a_descriptor_is_missing_until_there_is_one(images: Images, stack: ExitStack) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    stack.enter_context(ours)
    left = [OSError(24, "Too many open files")] * 2

    def opened() -> int:
        if left:
            raise left.pop()
        return theirs.detach()

    bench = Bench(images, stack, ("127.0.0.1",), streams=[opened])
    assert bench.loop.connect_missing() == {0: "Too many open files"}
    for number in (1, 2):
        bench.ask("free.test", "TXT")
        asked, sender = bench.forwarded()
        bench.reply(truncated(asked), sender)
        if number == 1:
            assert bench.answer().header.tc == 1
            assert bench.loop.connect_missing() == {}
        else:
            assert DNSRecord.parse(ours.recv(512)).q == asked.q


def test_a_thousand_truncated_answers_at_once_are_asked_for_or_handed_on(bench: Streamed) -> None:
    names = [f"n{number}.test" for number in range(1000)]
    said: list[DNSRecord] = []
    for name in names:
        bench.ask(name, "TXT")
        bench.cut()
        if bench.counted("dns_tcp_failed") != (len(said),):
            said.append(bench.answer())
    bench.turn_until(lambda: bench.counted("dns_tcp_fallbacks") == (1000,))
    while bench.counted("dns_tcp_failed") != (len(said),):
        said.append(bench.answer())
    n_asked = 1000 - len(said)
    for _ in range(n_asked):
        bench.say(with_text(bench.streamed(), 1))
        said.append(bench.answer())

    assert sorted(str(each.q.qname) for each in said) == sorted(f"{name}." for name in names)
    n_fallbacks, n_failed = bench.counted("dns_tcp_fallbacks", "dns_tcp_failed")
    assert n_fallbacks == 1000 and n_failed == 1000 - n_asked == sum(each.header.tc for each in said)
    assert bench.counted("dns_send_failed", "dns_upstream_lost") == (n_failed, 0)
    assert bench.loop.down() == []


def test_whoever_truncates_whatever_a_question_goes_over_a_stream_once(images: Images, stack: ExitStack) -> None:
    bench = Streamed(images, stack, 2)
    asked = bench.truncate()
    bench.say(failed(asked))
    bench.cut(1)

    assert bench.answer().header.tc == 1
    assert says_nothing(bench.streams[0]) and says_nothing(bench.streams[1])
    assert bench.counted("dns_tcp_fallbacks", "dns_tcp_failed", "dns_retried") == (1, 1, 1)


def test_what_one_upstream_cannot_answer_over_its_stream_another_one_may(images: Images, stack: ExitStack) -> None:
    bench = Streamed(images, stack, 2)
    bench.say(failed(bench.truncate("free.test", "A")))
    asked, sender = bench.forwarded(1)
    bench.reply(with_address(asked), sender, 1)

    assert str(bench.answer().a.rdata) == "198.51.100.1"
    assert bench.counted("dns_tcp_fallbacks", "dns_tcp_failed", "dns_retried") == (1, 0, 1)


def test_a_failure_over_the_only_stream_is_told(bench: Streamed) -> None:
    bench.say(failed(bench.truncate()))

    assert bench.answer().header.rcode == RCODE.SERVFAIL


def test_a_question_that_nobody_answers_after_all_ends_with_the_truncated_answer(
    images: Images, stack: ExitStack
) -> None:
    bench = Streamed(images, stack, 2, cache_octets=0)
    bench.say(failed(bench.truncate()))
    bench.ahead_s = 5.0
    bench.turn(0)

    assert bench.answer().header.tc == 1
    assert bench.counted("dns_upstream_lost", "dns_given_up") == (0, 0)


def test_an_upstream_that_truncates_is_up_whatever_its_stream_does(images: Images, stack: ExitStack) -> None:
    bench = Streamed(images, stack, 2)
    for number in range(20):
        bench.truncate(f"n{number}.test")
    bench.ahead_s = STREAM_PATIENCE_S
    bench.turn(0)

    assert (bench.loop.down(), bench.loop.preference()) == ([], [0, 1])
    assert bench.counted("dns_tcp_failed") == (20,)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_what_came_over_a_stream_is_inspected_as_everything_else(bench: Streamed, when: str) -> None:
    if when == "before":
        bench.block(("orders", "n.test", Mode.SUBTREE))
    asked = bench.truncate("free.test", "A")
    if when == "meanwhile":
        bench.block(("orders", "n.test", Mode.SUBTREE))
        bench.turn(0)
    reply = asked.reply()
    reply.add_answer(RR("free.test", QTYPE.CNAME, rdata=CNAME("www.n.test"), ttl=300))
    reply.add_answer(RR("www.n.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=300))
    bench.say(bytes(reply.pack()))

    assert "198.51.100.1" not in str(bench.answer())
    assert bench.counted("dns_inspected") == (1,)


def test_what_is_listed_meanwhile_is_no_longer_kept_from_the_block(bench: Streamed) -> None:
    bench.say(with_text(bench.truncate(), 1))
    bench.answer()
    bench.block(("orders", "free.test", Mode.SUBTREE))
    bench.ask("free.test", "A")

    assert str(bench.answer().a.rdata) == "192.0.2.80"


def test_whatever_a_stream_says_the_loop_goes_on(bench: Streamed) -> None:
    dice = Random(1)
    for number in range(300):
        message = bytearray(with_address(bench.truncate(f"n{number}.test", "A")) + dice.randbytes(dice.randrange(40)))
        for _ in range(dice.randrange(1, 6)):
            message[dice.randrange(2, len(message))] = dice.randrange(256)
        bench.say(bytes(message))
    while not says_nothing(bench.clients[0]):
        pass

    bench.say(with_address(bench.truncate("true.test", "A")))

    answer = bench.answer()
    assert (str(answer.q.qname), str(answer.a.rdata)) == ("true.test.", "198.51.100.1")


def test_a_loop_with_streams_for_some_of_its_upstreams_is_refused(images: Images, stack: ExitStack) -> None:
    with pytest.raises(ValueError, match="1 streams for 2 upstreams; not started; give one for each"):
        Bench(images, stack, ("127.0.0.1",), 2, streams=[os.getpid])
