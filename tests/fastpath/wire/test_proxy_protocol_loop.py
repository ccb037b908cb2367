"""Clients of several policies behind one proxy, from whose one socket all of their queries come."""

import random
from contextlib import ExitStack
from typing import Any

import pytest
from dnslib import CNAME, EDNS0, QTYPE, RCODE, RR, TXT, A, DNSRecord, EDNSOption
from support.dns.loop_bench import Bench, says_nothing, with_address
from support.dns.proxy_headers import LOCAL, PROXY, SIGNATURE, header, proxied, tlv
from support.images.opened import Images

from fastpath.dns.admission import ClientGuard
from fastpath.dns.device_option import option_address
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.people.policy_writer import ProfileSpec

CHILD, ADULT, FORWARDER, STRANGER = "192.0.2.7", "192.0.2.8", "192.0.2.9", "198.51.100.7"
CHILD6 = "2001:db8::7"
SPLASH, TRUTH = "192.0.2.80", "198.51.100.1"
MAC = b"\2\0\0\0\0\1"
COOKIE = 10
RECEIVED_OCTETS = 4096


def opened(images: Images, stack: ExitStack, **wanted: Any) -> Bench:
    """A loop with a cache behind the proxies 127.0.0.1 and, at client 2, 127.0.0.1 again; ::1 is none."""
    bench = Bench(
        images,
        stack,
        ("127.0.0.1", "::1", "127.0.0.1"),
        cache_octets=1 << 20,
        proxies=ClientGuard(["127.0.0.0/8"]),
        **wanted,
    )
    profile = ProfileSpec(1 << 1, (), 0, 0)
    bench.handoff.give(
        TableSet(
            images.names([("adult", "adult.test", Mode.SUBTREE)]),
            None,
            images.subscribers([(f"{CHILD}/32", 7), (f"{CHILD6}/128", 7), (option_address(65001, MAC) or "", 7)]),
            None,
            images.policy([(7, profile)]),
            None,
        )
    )
    return bench


@pytest.fixture
def bench(images: Images, stack: ExitStack) -> Bench:
    return opened(images, stack)


def ask(bench: Bench, client: str, name: str = "www.test", number: int = 1, tlvs: bytes = b"") -> DNSRecord:
    query = DNSRecord.question(name)
    query.header.id = number
    bench.send(proxied(bytes(query.pack()), client, tlvs))
    return query


def alias(bench: Bench, target: str = "adult.test", ttl_s: int = 30) -> None:
    """Let the upstream say that the name is another one's."""
    asked, sender = bench.forwarded()
    reply = asked.reply()
    reply.add_answer(
        RR(asked.q.qname, QTYPE.CNAME, rdata=CNAME(target), ttl=ttl_s), RR(target, QTYPE.A, rdata=A(TRUTH), ttl=ttl_s)
    )
    bench.reply(bytes(reply.pack()), sender)


def told(bench: Bench, n: int) -> list[tuple[int, str]]:
    """(id, last address) of the next answers, which begin with no header, in the order they came."""
    answers = [bench.answer() for _ in range(n)]
    return [(answer.header.id, str(answer.rr[-1].rdata)) for answer in answers]


def test_clients_who_share_a_question_and_a_proxy_get_each_what_their_policy_says(bench: Bench) -> None:
    ask(bench, CHILD, number=1)
    ask(bench, ADULT, number=2)
    ask(bench, CHILD6, number=3)

    alias(bench)

    assert sorted(told(bench, 3)) == [(1, SPLASH), (2, TRUTH), (3, SPLASH)]
    assert says_nothing(bench.upstream)
    assert bench.counted("dns_forwarded", "dns_coalesced", "dns_inspected") == (1, 2, 2)


def test_what_is_cached_is_judged_for_each_client_of_the_proxy(bench: Bench) -> None:
    ask(bench, ADULT)
    alias(bench)
    told(bench, 1)

    ask(bench, CHILD, number=2)
    ask(bench, ADULT, number=3)

    assert told(bench, 2) == [(2, SPLASH), (3, TRUTH)]
    assert bench.counted("dns_cache_hits") == (2,)


def test_what_is_stale_is_judged_for_each_client_of_the_proxy(bench: Bench) -> None:
    ask(bench, ADULT)
    alias(bench, ttl_s=5)
    told(bench, 1)
    bench.ahead_s = 60
    ask(bench, CHILD, number=2)
    ask(bench, ADULT, number=3)

    bench.ahead_s += 1.9
    bench.turn(0)

    assert sorted(told(bench, 2)) == [(2, SPLASH), (3, TRUTH)]
    assert bench.counted("dns_stale", "dns_inspected") == (1, 1)


def test_a_proxy_that_uses_an_id_again_for_another_client_is_answered_for_the_last_one_first(bench: Bench) -> None:
    ask(bench, ADULT, number=5)
    ask(bench, CHILD, number=5)
    ask(bench, CHILD, number=5)  # this one says it twice

    alias(bench)

    assert told(bench, 2) == [(5, SPLASH), (5, TRUTH)]
    assert says_nothing(bench.clients[0])


def test_a_rate_is_that_of_the_client_and_not_of_the_proxy(images: Images, stack: ExitStack) -> None:
    bench = opened(images, stack, guard=ClientGuard(["192.0.2.0/24"], 1, 2))
    for number in range(3):
        ask(bench, CHILD, "adult.test", number)
        ask(bench, ADULT, "free.test", number)

    assert bench.counted("dns_blocked", "dns_forwarded", "dns_coalesced", "dns_over_limit") == (2, 1, 1, 2)


def test_a_cookie_is_that_of_the_client_and_not_of_the_proxy(images: Images, stack: ExitStack) -> None:
    bench = opened(images, stack, cookie_master=bytes(16), guard=ClientGuard(["192.0.2.0/24"], 1, 1))
    ours = bytes(range(8))
    bench.send(proxied(with_option(COOKIE, ours), CHILD))
    [cookie] = [option.data for option in bench.answer().ar[0].rdata if option.code == COOKIE]

    bench.send(proxied(with_option(COOKIE, bytes(cookie)), CHILD))  # proven: of a rate of its own
    bench.send(proxied(with_option(COOKIE, bytes(cookie)), ADULT))
    bench.send(proxied(with_option(COOKIE, bytes(cookie)), ADULT))  # not proven, so at its end
    assert bench.counted("dns_queries", "dns_over_limit") == (4, 1)


def with_option(code: int, data: bytes, name: str = "adult.test") -> bytes:
    query = DNSRecord.question(name)
    query.add_ar(EDNS0(udp_len=1232, opts=[EDNSOption(code, data)]))
    return bytes(query.pack())


@pytest.mark.parametrize(("client", "n_blocked"), [(FORWARDER, 1), (ADULT, 0)])
def test_a_device_is_believed_of_a_forwarder_behind_the_proxy(
    images: Images, stack: ExitStack, client: str, n_blocked: int
) -> None:
    bench = opened(images, stack, forwarders=ClientGuard([f"{FORWARDER}/32", "127.0.0.0/8"]))

    bench.send(proxied(with_option(65001, MAC), client))

    assert bench.counted("dns_blocked", "dns_forwarded") == (n_blocked, 1 - n_blocked)


@pytest.mark.parametrize(
    "octets", [header(b"", 0, LOCAL), header(b"", 0), header(bytes(216), 0x32), header(tlv(4, b"x"), 0, LOCAL)]
)
def test_a_proxy_that_names_no_client_is_answered_as_itself(images: Images, stack: ExitStack, octets: bytes) -> None:
    bench = opened(images, stack, guard=ClientGuard(["127.0.0.1/32"]))
    query = DNSRecord.question("free.test")

    bench.send(octets + bytes(query.pack()))
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)

    assert told(bench, 1) == [(query.header.id, TRUTH)]


def test_the_acl_judges_the_client_and_not_the_proxy(images: Images, stack: ExitStack) -> None:
    bench = opened(images, stack, guard=ClientGuard(["192.0.2.0/24"]))
    ask(bench, STRANGER)
    assert bench.answer().header.rcode == RCODE.REFUSED

    ask(bench, CHILD, "adult.test")
    assert told(bench, 1) == [(1, SPLASH)]
    bench.send(header(b"", 0, LOCAL) + bytes(DNSRecord.question("adult.test").pack()))
    assert bench.answer().header.rcode == RCODE.REFUSED


def test_who_is_not_listed_cannot_speak_for_another(bench: Bench) -> None:
    for client in (ADULT, "127.0.0.1", "::1"):
        bench.send(proxied(bytes(DNSRecord.question("adult.test").pack()), client), 1)
    bench.send(header(b"", 0, LOCAL) + bytes(DNSRecord.question("adult.test").pack()), 1)

    assert bench.counted("dns_forwarded", "dns_blocked", "dns_proxy_refused") == (0, 0, 0)
    assert bench.counted("dns_queries") == (4,)
    while not says_nothing(bench.clients[1]):  # at most told that this is no query
        pass


def test_a_proxy_needs_its_header_on_every_socket_and_others_need_none(bench: Bench) -> None:
    message = bytes(DNSRecord.question("free.test").pack())

    bench.send(message, 2)
    bench.send(message, 1)

    assert bench.counted("dns_proxy_refused", "dns_forwarded") == (1, 1)
    assert says_nothing(bench.clients[2])


def test_an_answer_has_all_of_its_room_whatever_stood_before_the_query(bench: Bench) -> None:
    sent = DNSRecord.question("big.test", "TXT")
    plain = bytes(sent.pack())
    sent.add_ar(EDNS0(udp_len=1232))
    whole = bytes(sent.pack())
    names = tlv(2, bytes(RECEIVED_OCTETS - len(proxied(whole, CHILD)) - 3))
    bench.send(proxied(whole, CHILD, names))
    asked, sender = bench.forwarded()
    reply = asked.reply()
    reply.add_answer(*[RR(asked.q.qname, QTYPE.TXT, rdata=TXT("x" * 200), ttl=60) for _ in range(5)])
    bench.reply(bytes(reply.pack()), sender)
    assert len(bench.answer().rr) == 5

    bench.send(proxied(whole, CHILD, names))  # now out of the cache
    assert len(bench.answer().rr) == 5
    bench.send(proxied(plain, CHILD))
    answer = bench.answer()
    assert (len(answer.rr), answer.header.tc) == (0, 1)


def test_a_header_beyond_what_is_received_is_refused(bench: Bench) -> None:
    ask(bench, CHILD, "adult.test", tlvs=tlv(2, bytes(RECEIVED_OCTETS - 28)))

    assert bench.counted("dns_proxy_refused", "dns_blocked") == (1, 0)


def test_a_header_alone_is_no_query(bench: Bench) -> None:
    bench.send(proxied(b"", CHILD))
    bench.send(proxied(proxied(bytes(DNSRecord.question("adult.test").pack()), ADULT), CHILD))

    assert bench.counted("dns_malformed", "dns_blocked", "dns_forwarded", "dns_proxy_refused") == (1, 0, 0, 0)


def test_random_octets_of_a_proxy_never_stop_the_loop(bench: Bench) -> None:
    rng = random.Random(6)
    starts = (b"", SIGNATURE, SIGNATURE + bytes([PROXY, 0x12, 0]), SIGNATURE + bytes([LOCAL, 0, 0, 0]))
    for _ in range(300):
        bench.send(rng.choice(starts) + rng.randbytes(rng.randrange(80)))
    while not says_nothing(bench.clients[0]):
        pass

    ask(bench, CHILD, "adult.test")

    assert told(bench, 1) == [(1, SPLASH)]
    refused, queries = bench.counted("dns_proxy_refused", "dns_queries")
    assert refused > 100 and queries > 1
