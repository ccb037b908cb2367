"""The loop between a real client socket and an upstream that the test plays, so that it can lie."""

import gc
import socket
import struct
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from dnslib import QTYPE, RCODE, DNSHeader, DNSQuestion, DNSRecord
from support.dns.loop_bench import SPECS, WAIT_S, Bench, bound, says_nothing, with_address
from support.dns.proxy_headers import proxied
from support.images.opened import Images
from support.system.rights import needs

from fastpath.dns.admission import ClientGuard
from fastpath.dns.loop import DnsLoop
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Action, Channel, Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.spool import Reporter, read_segment, segment_numbers, segment_path
from filterd.box.capabilities import Capability


@pytest.fixture
def bench(images: Images, stack: ExitStack) -> Bench:
    return Bench(images, stack, ("127.0.0.1",))


def test_a_blocked_name_is_answered_and_never_reaches_the_upstream(bench: Bench) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE))

    query = bench.ask("www.n.test")

    answer = bench.answer()
    assert (answer.header.id, str(answer.a.rdata)) == (query.header.id, "192.0.2.80")
    assert says_nothing(bench.upstream)
    assert bench.counted("dns_queries", "dns_blocked", "dns_forwarded", "events") == (1, 1, 0, 1)
    event = read_segment(segment_path(bench.folder, segment_numbers(bench.folder)[0]), 0, 9).events[0]
    assert (event.channel, event.rule) == (Channel.DNS, "n.test")
    assert abs(event.time_ns - time.time_ns()) < 60 * 10**9


def test_a_free_name_goes_to_the_upstream_under_another_id_and_comes_back_under_its_own(bench: Bench) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE))
    ids = []

    for number in range(8):
        query = bench.ask(f"free{number}.test")
        asked, sender = bench.forwarded()
        bench.reply(with_address(asked), sender)
        ids.append((query.header.id, asked.header.id))
        answer = bench.answer()
        assert asked.q == query.q
        assert (answer.header.id, answer.q, str(answer.a.rdata)) == (query.header.id, query.q, "198.51.100.1")

    assert any(theirs != ours for theirs, ours in ids)
    assert bench.counted("dns_forwarded", "dns_answered", "dns_blocked", "dns_upstream_late") == (8, 8, 0, 0)


def test_the_loop_uses_all_of_its_upstream_sockets(bench: Bench) -> None:
    ports = set()
    for number in range(64):
        bench.ask(f"free{number}.test")
        ports.add(bench.forwarded()[1][1])

    assert len(ports) == 2


def test_the_letter_case_of_the_question_comes_back_as_it_was_sent(bench: Bench) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE))
    mixed = bytes(DNSRecord.question("wWw.n.TEST").pack())

    bench.send(mixed)

    assert bench.clients[0].recv(65535)[12:28] == mixed[12:28]


def test_a_whole_batch_of_blocked_and_free_names_is_sorted_out(bench: Bench) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE))
    queries = [DNSRecord.question(f"q{number}.{'n' if number % 3 else 'free'}.test") for number in range(64)]
    for query in queries:
        bench.clients[0].sendto(query.pack(), bench.listeners[0].getsockname())

    bench.turn(100)

    for query in queries:
        if b"n" in query.q.qname.label:
            answer = bench.answer()
            assert (answer.header.id, answer.q.qname) == (query.header.id, query.q.qname)
    assert bench.counted("dns_blocked", "dns_forwarded") == (42, 22)


@pytest.mark.parametrize("lie", ["wrong id", "other name", "other qtype", "a query", "no question", "cut", "empty"])
def test_an_answer_that_does_not_fit_its_query_is_counted_and_the_true_one_still_comes_through(
    bench: Bench, lie: str
) -> None:
    query = bench.ask("free.test")
    asked, sender = bench.forwarded()
    true = with_address(asked)
    lies = {
        "wrong id": bytes([true[0] ^ 1]) + true[1:],
        "other name": with_address(DNSRecord(DNSHeader(id=asked.header.id), q=DNSQuestion("evil.test"))),
        "other qtype": with_address(DNSRecord(DNSHeader(id=asked.header.id), q=DNSQuestion("free.test", QTYPE.MX))),
        "a query": true[:2] + b"\x01" + true[3:],
        "no question": true[:4] + b"\0\0" + true[6:],
        "cut": true[:20],
        "empty": b"",
    }

    bench.reply(lies[lie], sender)
    assert says_nothing(bench.clients[0])
    bench.reply(true, sender)

    assert bench.answer().header.id == query.header.id
    assert bench.counted("dns_upstream_late", "dns_answered") == (1, 1)


def test_a_second_answer_is_late(bench: Bench) -> None:
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)
    bench.answer()

    bench.reply(with_address(asked, "198.51.100.66"), sender)

    assert says_nothing(bench.clients[0])
    assert bench.counted("dns_upstream_late") == (1,)


def test_an_answer_from_another_address_is_never_seen(bench: Bench, stack: ExitStack) -> None:
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    stranger = stack.enter_context(bound("127.0.0.1"))

    stranger.sendto(with_address(asked), sender)
    bench.turn(0)

    assert says_nothing(bench.clients[0])
    assert bench.counted("dns_upstream_late", "dns_answered") == (0, 0)


def test_an_upstreams_truncation_passes_through(bench: Bench) -> None:
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    reply = asked.reply()
    reply.header.tc = 1

    bench.reply(bytes(reply.pack()), sender)

    assert bench.answer().header.tc == 1


def test_an_answer_larger_than_the_buffer_becomes_a_truncated_one(bench: Bench) -> None:
    query = bench.ask("free.test")
    asked, sender = bench.forwarded()

    bench.reply(with_address(asked) + bytes(5000), sender)

    message = bench.clients[0].recv(65535)
    assert len(message) == 12 + len(query.pack()) - 12
    answer = DNSRecord.parse(message)
    assert (answer.header.tc, answer.header.id, answer.rr, answer.q) == (1, query.header.id, [], query.q)


def test_a_tcp_only_name_gets_an_empty_truncated_answer_and_no_record(bench: Bench) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE, Action.TCP_ONLY))

    bench.ask("n.test")

    answer = bench.answer()
    assert (answer.header.tc, answer.rr) == (1, [])
    assert bench.counted("events", "dns_blocked") == (0, 0)


def test_a_dropped_name_gets_silence_and_a_record(bench: Bench) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE, Action.DROP))

    bench.ask("n.test")

    assert says_nothing(bench.clients[0]) and says_nothing(bench.upstream)
    assert bench.counted("events", "dns_blocked") == (1, 1)


def test_without_tables_everything_is_forwarded_and_counted(bench: Bench) -> None:
    bench.ask("n.test")

    assert str(bench.forwarded()[0].q.qname).lower() == "n.test."
    assert bench.counted("no_tables", "dns_forwarded") == (1, 1)


def test_a_loop_that_is_shut_without_images_forwards_nothing_until_there_are_some(bench: Bench) -> None:
    bench.loop.shut_without_images()

    bench.ask("n.test")

    assert bench.answer().header.rcode == RCODE.SERVFAIL
    assert says_nothing(bench.upstream)
    assert bench.counted("no_tables", "dns_forwarded") == (1, 0)
    bench.block(("orders", "other.test", Mode.SUBTREE))
    bench.ask("n.test")
    assert str(bench.forwarded()[0].q.qname).lower() == "n.test."


def test_newer_tables_are_taken_between_two_batches(bench: Bench) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE))
    bench.ask("m.test")
    bench.forwarded()

    ticket = bench.handoff.give(TableSet(bench.images.names([("orders", "m.test", Mode.SUBTREE)])))
    bench.ask("m.test")

    assert str(bench.answer().a.rdata) == "192.0.2.80"
    assert bench.handoff.taken() == ticket


@pytest.mark.parametrize(
    ("ends", "from_now_s", "is_locked"), [("an hour ago", -3600, False), ("in an hour", 3600, True)]
)
def test_a_subscriber_is_locked_until_the_pause_ends(bench: Bench, ends: str, from_now_s: int, is_locked: bool) -> None:
    profile = ProfileSpec(0, (), int(time.time()) + from_now_s, 0)
    bench.handoff.give(
        TableSet(
            bench.images.names([]),
            None,
            bench.images.subscribers([("127.0.0.0/8", 7)]),
            None,
            bench.images.policy([(7, profile)]),
            None,
        )
    )

    bench.ask("free.test")

    assert bench.counted("dns_blocked", "dns_forwarded") == (int(is_locked), int(not is_locked))
    assert says_nothing(bench.upstream) == is_locked


def test_random_octets_never_stop_the_loop(bench: Bench) -> None:
    dice = Random(1)
    bench.block(("orders", "n.test", Mode.SUBTREE))
    for size in range(400):
        bench.clients[0].sendto(dice.randbytes(size), bench.listeners[0].getsockname())
        bench.turn(0)

    while not says_nothing(bench.clients[0]):
        pass
    bench.ask("n.test")

    assert bench.answer().header.rcode == RCODE.NOERROR


@pytest.mark.kernel
@needs(Capability.NET_RAW)
def test_one_client_that_cannot_be_answered_does_not_hold_up_the_batch(bench: Bench, stack: ExitStack) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE))
    raw = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP))
    query = bytes(DNSRecord.question("n.test").pack())
    host, port = bench.listeners[0].getsockname()
    raw.sendto(struct.pack("!HHHH", 0, port, 8 + len(query), 0) + query, (host, 0))

    bench.clients[0].sendto(query, (host, port))
    bench.turn(100)

    assert str(bench.answer().a.rdata) == "192.0.2.80"
    assert bench.counted("dns_blocked", "dns_send_failed") == (2, 1)


def test_an_upstream_that_cannot_be_connected_does_not_keep_the_loop_from_blocking(bench: Bench) -> None:
    bench.block(("orders", "n.test", Mode.SUBTREE))
    everybody = ("255.255.255.255", 9)  # the kernel refuses to connect to it, on every box
    bench.loop = DnsLoop(bench.listeners, [everybody], bench.handoff, bench.reporter, SPECS, 2, 0.01)

    bench.ask("free.test")
    bench.ask("n.test")

    assert bench.answer().header.rcode == RCODE.SERVFAIL
    assert str(bench.answer().a.rdata) == "192.0.2.80"
    assert bench.counted("dns_no_upstream", "dns_send_failed", "dns_forwarded", "dns_upstream_lost") == (1, 0, 0, 0)
    assert bench.loop.connect_missing() == {0: "Permission denied"}


def test_an_upstream_that_refuses_does_not_stop_the_loop(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    bench.block(("orders", "n.test", Mode.SUBTREE))
    bench.upstream.close()

    for number in range(20):
        bench.ask(f"free{number}.test")
    bench.ask("n.test")

    assert str(bench.answer().a.rdata) == "192.0.2.80"
    sent, failed = bench.counted("dns_forwarded", "dns_send_failed")
    assert sent + failed == 20


@pytest.mark.parametrize("host", ["127.0.0.5", "127.0.0.77"])
@pytest.mark.parametrize("name", ["n.test", "free.test"])
def test_an_answer_leaves_from_the_address_that_the_query_came_to(
    images: Images, stack: ExitStack, host: str, name: str
) -> None:
    bench = Bench(images, stack, ("0.0.0.0",))
    bench.block(("orders", "n.test", Mode.SUBTREE))

    bench.ask(name, host=host)
    if name == "free.test":
        asked, sender = bench.forwarded()
        bench.reply(with_address(asked), sender)

    assert bench.clients[0].recvfrom(65535)[1] == (host, bench.listeners[0].getsockname()[1])


def test_both_families_are_served_by_their_own_sockets_and_answers_find_the_right_one(
    images: Images, stack: ExitStack
) -> None:
    bench = Bench(images, stack, ("0.0.0.0", "::"))
    bench.block(("orders", "n.test", Mode.SUBTREE))
    for client in (0, 1):
        bench.ask("n.test", client=client)
        assert str(bench.answer(client).a.rdata) == "192.0.2.80"

    queries = [bench.ask(f"free{client}.test", client=client) for client in (0, 1)]
    asked = [bench.forwarded() for _ in queries]
    for record, sender in reversed(asked):
        bench.upstream.sendto(with_address(record), sender)
    bench.turn(100)
    bench.turn(0)

    assert [bench.answer(client).q for client in (0, 1)] == [query.q for query in queries]
    assert bench.counted("dns_answered", "dns_send_failed") == (2, 0)


def test_a_running_loop_wakes_for_new_tables_and_stops_when_told(bench: Bench) -> None:
    thread = threading.Thread(target=bench.loop.run)
    thread.start()
    try:
        ticket = bench.handoff.give(TableSet(bench.images.names([])))
        bench.loop.wake()
        deadline = time.monotonic() + WAIT_S
        while bench.handoff.taken() != ticket and time.monotonic() < deadline:
            time.sleep(0.001)
        assert bench.handoff.taken() == ticket
    finally:
        bench.loop.stop()
        thread.join(WAIT_S)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("what", "n_listeners", "n_upstreams", "n_sockets"),
    [
        ("no listener", 0, 1, 8),
        ("too many listeners", 33, 1, 8),
        ("no upstream", 1, 0, 8),
        ("no socket", 1, 1, 0),
        ("too many sockets", 1, 5, 16),
    ],
)
def test_an_impossible_loop_is_refused(
    images: Images, stack: ExitStack, what: str, n_listeners: int, n_upstreams: int, n_sockets: int
) -> None:
    reporter = Reporter(images.folder / "counters", images.folder / "spool")
    with pytest.raises(ValueError, match="not started"):
        DnsLoop(
            [stack.enter_context(bound("127.0.0.1"))] * n_listeners,
            [("127.0.0.1", 9)] * n_upstreams,
            Handoff(),
            reporter,
            SPECS,
            n_sockets,
        )


def test_a_loop_closes_what_it_opened_and_nothing_else(bench: Bench) -> None:
    gc.collect()  # what an earlier test has left is closed now, or not at all
    n_open = len(list(Path("/proc/self/fd").iterdir()))

    assert bench.loop.connect_missing() == {}  # all are connected; none is opened twice
    del bench.loop

    assert len(list(Path("/proc/self/fd").iterdir())) == n_open - 4  # its two sockets, epoll, eventfd
    assert bench.listeners[0].getsockname()


@pytest.fixture
def behind_a_proxy(images: Images, stack: ExitStack) -> Bench:
    """Who asks over IPv4 is a listed proxy; the household of 192.0.2.7 and 2001:db8::7 is locked."""
    bench = Bench(
        images,
        stack,
        ("127.0.0.1", "::1"),
        proxies=ClientGuard(["127.0.0.0/8"]),
        guard=ClientGuard(["192.0.2.0/24", "2001:db8::/32", "::1/128"]),
    )
    locked = ProfileSpec(0, (), int(time.time()) + 3600, 0)
    bench.handoff.give(
        TableSet(
            images.names([("orders", "n.test", Mode.SUBTREE)]),
            None,
            images.subscribers([("192.0.2.7/32", 7), ("2001:db8::7/128", 7)]),
            None,
            images.policy([(7, locked)]),
            None,
        )
    )
    return bench


@pytest.mark.parametrize(
    ("client", "is_locked"), [("192.0.2.7", True), ("2001:db8::7", True), ("192.0.2.8", False), ("2001:db8::8", False)]
)
def test_a_listed_proxys_query_is_judged_for_whom_it_is_from(
    behind_a_proxy: Bench, client: str, is_locked: bool
) -> None:
    query = DNSRecord.question("free.test")

    behind_a_proxy.send(proxied(bytes(query.pack()), client))
    if not is_locked:
        asked, sender = behind_a_proxy.forwarded()
        behind_a_proxy.reply(with_address(asked), sender)

    answer = behind_a_proxy.answer()
    assert (answer.header.id, str(answer.a.rdata)) == (query.header.id, "192.0.2.80" if is_locked else "198.51.100.1")


def test_a_listed_proxys_client_outside_of_the_acl_is_refused(behind_a_proxy: Bench) -> None:
    behind_a_proxy.send(proxied(bytes(DNSRecord.question("free.test").pack()), "198.51.100.7"))

    assert behind_a_proxy.answer().header.rcode == RCODE.REFUSED


def test_a_listed_proxy_without_a_good_header_gets_silence(behind_a_proxy: Bench) -> None:
    message = bytes(DNSRecord.question("n.test").pack())
    whole = proxied(message, "192.0.2.8")

    for wrong in (message, whole[:20], b"\r\n\r\n\0\r\nQUIT\n\x31" + whole[13:]):
        behind_a_proxy.send(wrong)

    assert says_nothing(behind_a_proxy.clients[0])
    assert behind_a_proxy.counted("dns_proxy_refused", "dns_queries") == (3, 0)


def test_a_strangers_header_is_no_query(behind_a_proxy: Bench) -> None:
    behind_a_proxy.send(proxied(bytes(DNSRecord.question("n.test").pack()), "192.0.2.8"), 1)

    assert behind_a_proxy.counted("dns_blocked", "dns_proxy_refused") == (0, 0)
