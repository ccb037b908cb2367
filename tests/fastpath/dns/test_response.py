"""Answers from the cache and from upstreams, for clients with policies of their own, as the loop delivers them."""

import struct
from contextlib import ExitStack

import pytest
from dnslib import AAAA, CNAME, EDNS0, QTYPE, RCODE, RD, RR, SOA, A, DNSRecord
from support.dns.loop_bench import Bench, says_nothing, with_address
from support.images.opened import Entry, Images

from dns.front.special_names import special_names
from fastpath.dns.admission import ClientGuard
from fastpath.dns.device_option import option_address
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.people.policy_writer import ProfileSpec

CACHE = 1 << 20
STALE_ANSWER, PROHIBITED = 3, 18
CHILD = ProfileSpec(1 << 1, (), 0, 0, safe_search=2, has_canaries=True)


@pytest.fixture
def bench(images: Images, stack: ExitStack) -> Bench:
    """A loop with a cache; it blocks nothing yet."""
    bench = Bench(images, stack, ("127.0.0.1", "::1"), cache_octets=CACHE)
    bench.block()
    return bench


def for_a_child(bench: Bench, *entries: Entry, child: ProfileSpec = CHILD) -> None:
    """Whoever asks over IPv4 is a child, over IPv6 is not."""
    images = bench.images
    bench.handoff.give(
        TableSet(
            images.names(entries),
            None,
            images.subscribers([("127.0.0.0/8", 7)]),
            None,
            images.policy([(7, child)]),
            None,
        )
    )


def learn(bench: Bench, name: str = "free.test", ttl_s: int = 30, client: int = 0) -> DNSRecord:
    """Ask for a name that the upstream knows; its answer."""
    bench.ask(name, client=client)
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked, ttl_s=ttl_s), sender)
    return bench.answer(client)


def alias_of(query: DNSRecord, target: str) -> bytes:
    reply = query.reply()
    reply.add_answer(
        RR(query.q.qname, QTYPE.CNAME, rdata=CNAME(target), ttl=30),
        RR(target, QTYPE.A, rdata=A("198.51.100.1"), ttl=30),
    )
    return bytes(reply.pack())


def with_edns(name: str, qtype: str = "A", flags: str = "") -> bytes:
    query = DNSRecord.question(name, qtype)
    query.add_ar(EDNS0(flags=flags, udp_len=1232))
    return bytes(query.pack())


def extended_errors(answer: DNSRecord) -> list[int]:
    return [
        int.from_bytes(option.data[:2], "big") for record in answer.ar for option in record.rdata if option.code == 15
    ]


def test_what_was_answered_once_is_answered_again_without_the_upstream(bench: Bench) -> None:
    learn(bench)
    query = bench.ask("FREE.test", client=1)

    answer = bench.answer(1)
    assert (answer.header.id, str(answer.q.qname)) == (query.header.id, "FREE.test.")
    assert str(answer.a.rdata) == "198.51.100.1"
    assert says_nothing(bench.upstream)
    assert bench.counted("dns_cache_hits", "dns_cache_misses", "dns_forwarded") == (1, 1, 1)


def test_the_time_to_live_runs_while_an_answer_is_kept(bench: Bench) -> None:
    assert learn(bench).a.ttl == 30

    bench.ahead_s = 12
    bench.ask("free.test")

    assert bench.answer().a.ttl in (17, 18)


def test_without_a_cache_every_query_goes_to_the_upstream(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    learn(bench)
    learn(bench)

    assert bench.counted("dns_forwarded", "dns_cache_hits", "dns_cache_misses") == (2, 0, 0)


def test_what_was_asked_without_recursion_is_not_kept(bench: Bench) -> None:
    query = DNSRecord.question("free.test")
    query.header.rd = 0
    bench.send(bytes(query.pack()))
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)
    assert bench.answer().header.rd == 0

    learn(bench)
    assert bench.counted("dns_forwarded") == (2,)


def test_a_list_change_reaches_what_is_kept_already(bench: Bench) -> None:
    learn(bench)

    bench.block(("orders", "free.test", Mode.SUBTREE))
    bench.ask("free.test")

    assert str(bench.answer().a.rdata) == "192.0.2.80"
    assert bench.counted("dns_cache_hits") == (0,)


def test_an_answer_that_leads_to_a_listed_name_is_blocked_now_and_when_it_is_kept(bench: Bench) -> None:
    bench.block(("orders", "tracker.test", Mode.SUBTREE))
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    bench.reply(alias_of(asked, "x.tracker.test"), sender)
    first = bench.answer()
    bench.ask("free.test", client=1)

    for answer in (first, bench.answer(1)):
        assert [str(record.rdata) for record in answer.rr] == ["192.0.2.80"]
    assert bench.counted("dns_inspected", "dns_blocked", "events", "dns_cache_hits") == (2, 2, 2, 1)


def test_one_answer_is_a_block_for_one_client_and_the_truth_for_another(bench: Bench) -> None:
    for_a_child(bench, ("adult", "tracker.test", Mode.SUBTREE))
    for client in (0, 1):
        bench.ask("free.test", client=client)
    asked, sender = bench.forwarded()

    bench.reply(alias_of(asked, "x.tracker.test"), sender)

    assert [str(record.rdata) for record in bench.answer(0).rr] == ["192.0.2.80"]
    assert [str(record.rdata) for record in bench.answer(1).rr] == ["x.tracker.test.", "198.51.100.1"]
    assert bench.counted("dns_coalesced", "dns_inspected") == (1, 1)


def test_an_answer_that_cannot_be_inspected_is_not_delivered(bench: Bench) -> None:
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    head = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x1e\x00\x02\xc0\xff"  # an alias that points nowhere
    message = asked.header.id.to_bytes(2, "big") + b"\x81\x80\0\1\0\1\0\0\0\0" + question(asked) + head

    bench.reply(message, sender)

    assert bench.answer().header.rcode == RCODE.SERVFAIL


def question(record: DNSRecord) -> bytes:
    return bytes(DNSRecord(q=record.q).pack())[12:]


def test_while_no_upstream_answers_a_client_gets_what_was_true_before(bench: Bench) -> None:
    learn(bench, ttl_s=5)
    bench.ahead_s = 60
    bench.send(with_edns("free.test"))
    assert says_nothing(bench.clients[0])

    bench.ahead_s += 1.9
    bench.turn(0)
    answer = bench.answer()

    assert (str(answer.a.rdata), answer.a.ttl, extended_errors(answer)) == ("198.51.100.1", 30, [STALE_ANSWER])
    assert bench.counted("dns_stale", "dns_given_up") == (1, 0)
    bench.ask("free.test")
    assert str(bench.answer().a.rdata) == "198.51.100.1"  # for half a minute nobody waits again


@pytest.mark.parametrize("is_stale", [False, True])
def test_an_order_that_came_while_a_query_waited_answers_it(bench: Bench, is_stale: bool) -> None:
    learn(bench, ttl_s=5)
    bench.ahead_s = 60
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    bench.block(("orders", "free.test", Mode.SUBTREE))
    if is_stale:
        bench.ahead_s += 1.9
        bench.turn(0)
    else:
        bench.reply(with_address(asked), sender)

    assert [str(record.rdata) for record in bench.answer().rr] == ["192.0.2.80"]
    assert bench.counted("dns_blocked", "events", "dns_inspected", "dns_stale") == (1, 1, 0, 0)


def test_a_pause_that_began_while_a_query_waited_answers_it_for_that_client_alone(bench: Bench) -> None:
    for client in (0, 1):
        bench.ask("free.test", client=client)
    asked, sender = bench.forwarded()
    for_a_child(bench, child=CHILD._replace(paused_until=1 << 40))

    bench.reply(with_address(asked), sender)

    assert str(bench.answer(0).a.rdata) == "192.0.2.80"
    assert str(bench.answer(1).a.rdata) == "198.51.100.1"
    assert bench.counted("dns_blocked") == (1,)


def test_a_name_that_became_tcp_only_while_its_query_waited_is_truncated_and_not_recorded(bench: Bench) -> None:
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    bench.block(("malware", "free.test", Mode.SUBTREE, Action.TCP_ONLY))
    bench.reply(with_address(asked), sender)

    answer = bench.answer()
    assert (answer.header.tc, answer.rr) == (1, [])
    assert bench.counted("dns_blocked", "events") == (0, 0)


def test_the_upstreams_late_answer_still_takes_the_place_of_the_stale_one(bench: Bench) -> None:
    learn(bench, ttl_s=5)
    bench.ahead_s = 60
    bench.ask("free.test")
    bench.forwarded()
    bench.ahead_s += 1.9
    bench.turn(0)
    bench.answer()

    asked, sender = bench.forwarded()  # asked again, after a while
    bench.reply(with_address(asked, "198.51.100.2"), sender)
    assert says_nothing(bench.clients[0])
    bench.ask("free.test")

    assert str(bench.answer().a.rdata) == "198.51.100.2"


def test_where_no_upstream_is_up_a_stale_answer_comes_at_once(bench: Bench) -> None:
    learn(bench, ttl_s=5)
    bench.ahead_s = 60
    for number in range(8):
        bench.ask(f"lost{number}.test")
    bench.ahead_s += 1
    bench.turn(0)

    bench.ask("free.test")

    assert str(bench.answer().a.rdata) == "198.51.100.1"


@pytest.mark.parametrize("rcode", [RCODE.SERVFAIL, RCODE.REFUSED])
def test_an_upstreams_failure_is_not_passed_on_where_an_old_answer_is_kept(bench: Bench, rcode: int) -> None:
    learn(bench, ttl_s=5)
    bench.ahead_s = 60
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    reply = asked.reply()
    reply.header.rcode = rcode

    bench.reply(bytes(reply.pack()), sender)

    answer = bench.answer()
    assert (answer.header.rcode, str(answer.a.rdata)) == (RCODE.NOERROR, "198.51.100.1")
    assert bench.counted("dns_stale") == (1,)


def test_a_name_that_is_liked_is_asked_for_again_before_its_time_is_up(bench: Bench) -> None:
    learn(bench, ttl_s=100)
    bench.ask("free.test")
    bench.answer()

    bench.ahead_s = 95
    for _ in range(3):
        bench.ask("free.test")
        bench.answer()
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked, "198.51.100.2", 100), sender)
    assert says_nothing(bench.clients[0]) and says_nothing(bench.upstream)
    bench.ahead_s = 110
    bench.ask("free.test")

    assert str(bench.answer().a.rdata) == "198.51.100.2"
    assert bench.counted("dns_prefetched", "dns_forwarded", "dns_cache_hits") == (1, 1, 5)


def test_a_truncated_answer_has_no_records_and_is_not_kept(bench: Bench) -> None:
    for _ in range(2):
        bench.ask("free.test")
        asked, sender = bench.forwarded()
        reply = DNSRecord.parse(with_address(asked))
        reply.header.tc = 1
        bench.reply(bytes(reply.pack()), sender)
        answer = bench.answer()
        assert (answer.header.tc, answer.rr) == (1, [])


def test_any_gets_one_record_of_ours_and_asks_nobody(bench: Bench) -> None:
    bench.ask("free.test", "ANY")

    assert [QTYPE[record.rtype] for record in bench.answer().rr] == ["HINFO"]
    assert says_nothing(bench.upstream)


def test_ech_is_taken_out_for_those_who_want_their_devices_to_stay(bench: Bench) -> None:
    for_a_child(bench)
    ech = b"\x00\x05\x00\x04\xfe\x0d\x00\x00"
    alpn = b"\x00\x01\x00\x03\x02h2"
    for client in (0, 1):
        bench.ask("free.test", "HTTPS", client=client)
    asked, sender = bench.forwarded()
    reply = asked.reply()
    reply.add_answer(RR(asked.q.qname, 65, rdata=RD(b"\x00\x01\x00" + alpn + ech), ttl=30))

    bench.reply(bytes(reply.pack()), sender)
    bench.ask("free.test", "HTTPS")
    child, other, kept = bench.clients[0].recv(4096), bench.clients[1].recv(4096), bench.clients[0].recv(4096)

    assert (ech in child, ech in other, ech in kept) == (False, True, False)
    assert alpn in child and alpn in other


@pytest.fixture
def special(images: Images, stack: ExitStack) -> Bench:
    bench = Bench(images, stack, ("127.0.0.1", "::1"), cache_octets=CACHE, specials=special_names())
    for_a_child(bench)
    return bench


def test_safe_search_asks_for_another_name_and_the_client_gets_it_under_its_own(special: Bench) -> None:
    special.ask("wWw.google.com")
    asked, sender = special.forwarded()
    special.reply(with_address(asked, "198.51.100.38", 100), sender)
    first = special.answer()
    special.ahead_s = 20
    special.ask("www.google.fr")
    second = special.answer()

    assert str(asked.q.qname).lower() == "forcesafesearch.google.com."
    assert [(str(each.rname), str(each.rdata)) for each in first.rr] == [
        ("wWw.google.com.", "forcesafesearch.google.com."),
        ("forcesafesearch.google.com.", "198.51.100.38"),
    ]
    assert [str(each.rdata) for each in second.rr] == ["forcesafesearch.google.com.", "198.51.100.38"]
    assert second.rr[1].ttl in (79, 80)
    assert special.counted("dns_forwarded", "dns_cache_hits", "dns_special") == (1, 1, 2)


def test_a_long_query_for_a_name_that_is_looked_up_instead_keeps_its_own_question(special: Bench) -> None:
    special.send(opt_with("www.google.com", "A", bytes(600), 12))
    asked, sender = special.forwarded()
    special.reply(with_address(asked, "198.51.100.38"), sender)

    answer = special.answer()
    assert str(answer.q.qname) == "www.google.com."
    assert [str(record.rdata) for record in answer.rr] == ["forcesafesearch.google.com.", "198.51.100.38"]


def test_who_does_not_want_safe_search_gets_what_was_asked_for(special: Bench) -> None:
    special.ask("www.google.com", client=1)

    assert str(special.forwarded()[0].q.qname).lower() == "www.google.com."


def test_canaries_and_our_own_resolvers_are_answered_here(special: Bench) -> None:
    special.ask("use-application-dns.net")
    assert special.answer().header.rcode == RCODE.NXDOMAIN

    special.ask("_dns.resolver.arpa", "SVCB" if "SVCB" in QTYPE.reverse else "TYPE64", client=1)
    assert (special.answer(1).header.rcode, says_nothing(special.upstream)) == (RCODE.NOERROR, True)


def test_strangers_are_refused_and_told_why(images: Images, stack: ExitStack) -> None:
    guard = ClientGuard(["::1/128"])
    bench = Bench(images, stack, ("127.0.0.1", "::1"), guard=guard)
    bench.block(("orders", "n.test", Mode.SUBTREE))

    bench.send(with_edns("n.test"))
    bench.ask("n.test", client=1)

    answer = bench.answer()
    assert (answer.header.rcode, extended_errors(answer)) == (RCODE.REFUSED, [PROHIBITED])
    assert str(bench.answer(1).a.rdata) == "192.0.2.80"
    assert bench.counted("dns_not_ours", "dns_blocked") == (1, 1)


def test_a_client_over_its_rate_gets_silence(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",), guard=ClientGuard(["127.0.0.0/8"], 1, 2))
    bench.block(("orders", "n.test", Mode.SUBTREE))

    for _ in range(4):
        bench.ask("n.test")

    assert bench.counted("dns_blocked", "dns_over_limit") == (2, 2)


def test_large_answers_to_one_address_are_cut_or_left_out_unless_a_cookie_proves_it(
    images: Images, stack: ExitStack
) -> None:
    guard = ClientGuard(["127.0.0.0/8"], large_answers_per_second=1)
    bench = Bench(images, stack, ("127.0.0.1",), cache_octets=CACHE, guard=guard, cookie_master=bytes(16))
    bench.send(with_edns("big.test", "AAAA"))
    asked, sender = bench.forwarded()
    reply = asked.reply()
    reply.add_answer(*[RR(asked.q.qname, QTYPE.AAAA, rdata=AAAA(f"2001:db8::{n}"), ttl=60) for n in range(1, 30)])
    bench.reply(bytes(reply.pack()), sender)
    bench.answer()

    for _ in range(10):
        bench.send(with_edns("big.test", "AAAA"))
    limited, slipped = bench.counted("dns_over_limit", "dns_slipped")
    assert limited + slipped == 6 and abs(limited - slipped) <= 1
    while not says_nothing(bench.clients[0]):
        pass
    for _ in range(2):
        bench.send(with_cookie(bench, "big.test", "AAAA"))
        assert len(bench.answer().rr) == 29


def with_cookie(bench: Bench, name: str, qtype: str) -> bytes:
    """A query with the cookie that the loop gives to this client."""
    ours = bytes(range(8))
    bench.send(opt_with(name, "MX", ours))
    asked, sender = bench.forwarded()
    bench.reply(bytes(asked.reply().pack()), sender)
    [cookie] = [option.data for option in bench.answer().ar[0].rdata if option.code == 10]
    assert cookie[:8] == ours and len(cookie) == 24
    return opt_with(name, qtype, bytes(cookie))


def opt_with(name: str, qtype: str, data: bytes, code: int = 10) -> bytes:
    message = bytearray(DNSRecord.question(name, qtype).pack())
    message[11] = 1
    option = struct.pack("!HH", code, len(data)) + data
    return bytes(message) + struct.pack("!BHHIH", 0, 41, 1232, 0, len(option)) + option


def test_a_name_that_is_not_there_is_kept_as_such(bench: Bench) -> None:
    for number in range(2):
        bench.ask("absent.test", client=number)
        if number == 0:
            asked, sender = bench.forwarded()
            reply = asked.reply()
            reply.header.rcode = RCODE.NXDOMAIN
            reply.add_auth(RR("test", QTYPE.SOA, rdata=SOA("a.test", "b.test", (1, 2, 3, 4, 60)), ttl=60))
            bench.reply(bytes(reply.pack()), sender)
        assert bench.answer(number).header.rcode == RCODE.NXDOMAIN

    assert bench.counted("dns_forwarded", "dns_cache_hits") == (1, 1)


def test_a_listed_forwarder_says_which_device_asks_and_a_stranger_does_not(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1", "::1"), forwarders=ClientGuard(["127.0.0.0/8"]))
    mac = bytes.fromhex("02005e100001")
    bench.handoff.give(
        TableSet(
            images.names([("adult", "tracker.test", Mode.SUBTREE)]),
            None,
            images.subscribers([(f"{option_address(65001, mac)}/128", 7)]),
            None,
            images.policy([(7, CHILD)]),
            None,
        )
    )

    for client in (0, 1):
        bench.send(opt_with("tracker.test", "A", mac, 65001), client)
    bench.send(opt_with("tracker.test", "A", bytes(6), 65001))
    bench.send(opt_with("free.test", "A", mac, 65001))
    assert str(bench.answer().a.rdata) == "192.0.2.80"
    assert bench.counted("dns_blocked", "dns_forwarded", "dns_coalesced") == (1, 2, 1)
    bench.forwarded()
    asked, sender = bench.forwarded()
    bench.reply(alias_of(asked, "x.tracker.test"), sender)  # inspected for the device, too

    assert [str(record.rdata) for record in bench.answer().rr] == ["192.0.2.80"]
    assert asked.ar[0].rdata == []
