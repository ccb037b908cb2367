import os
import socket
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord
from support.dns.loop_bench import SPECS, Bench, bound, says_nothing, with_address
from support.images.opened import Images

from fastpath.dns.loop import DnsLoop
from fastpath.images.verdict import Action, Mode
from fastpath.report.counter_table import TOOK


@pytest.fixture
def bench(images: Images, stack: ExitStack) -> Bench:
    return Bench(images, stack, ("127.0.0.1",))


@pytest.fixture
def pair(images: Images, stack: ExitStack) -> Bench:
    """A loop with two upstreams."""
    return Bench(images, stack, ("127.0.0.1",), 2)


def refused(query: DNSRecord, rcode: int = RCODE.REFUSED) -> bytes:
    reply = query.reply()
    reply.header.rcode = rcode
    return bytes(reply.pack())


def test_clients_that_ask_the_same_at_once_share_one_question_and_each_gets_its_own_answer(
    images: Images, stack: ExitStack
) -> None:
    bench = Bench(images, stack, ("127.0.0.1", "::1"))
    names = ["free.test", "fReE.tEsT"]
    queries = [bench.ask(name, client=client) for client, name in enumerate(names)]
    asked, sender = bench.forwarded()

    bench.reply(with_address(asked), sender)

    assert str(asked.q.qname).lower() == "free.test."
    answers = [bench.answer(client) for client in range(2)]
    assert [each.header.id for each in answers] == [query.header.id for query in queries]
    assert [str(each.q.qname) for each in answers] == [f"{name}." for name in names]
    assert {str(each.a.rdata) for each in answers} == {"198.51.100.1"}
    assert says_nothing(bench.upstream)
    assert bench.counted("dns_forwarded", "dns_coalesced", "dns_answered") == (1, 1, 2)


def test_answers_are_counted_by_their_rcode_whoever_gives_them(bench: Bench) -> None:
    bench.block(("orders", "listed.test", Mode.SUBTREE, Action.NXDOMAIN))
    bench.ask("listed.test")
    bench.answer()
    for name, rcode in (("free.test", RCODE.NOERROR), ("none.test", RCODE.NXDOMAIN), ("odd.test", RCODE.YXDOMAIN)):
        bench.ask(name)
        asked, sender = bench.forwarded()
        bench.reply(refused(asked, rcode), sender)
        bench.answer()

    assert bench.counted("dns_rcode_noerror", "dns_rcode_nxdomain", "dns_rcode_other") == (1, 2, 1)
    assert bench.counted("dns_rcode_formerr", "dns_rcode_servfail", "dns_rcode_refused") == (0, 0, 0)


@pytest.mark.parametrize(
    ("after_s", "part"),
    [(0.003, "dns_took_4ms"), (0.05, "dns_took_64ms"), (0.2, "dns_took_256ms"), (0.3, "dns_took_1s")],
)
def test_the_time_of_an_upstream_is_counted_where_it_belongs(
    images: Images, stack: ExitStack, after_s: float, part: str
) -> None:
    bench = Bench(images, stack, ("127.0.0.1",), patience_s=60.0)
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    bench.upstream.sendto(with_address(asked), sender)
    bench.ahead_s += after_s
    bench.turn(100)

    took_us, *parts = bench.counted("dns_took_us", *TOOK)
    assert took_us >= after_s * 1e6
    assert sum(parts) == 1
    slower = list(TOOK)[list(TOOK).index(part) :]  # a loaded machine adds its own time
    assert sum(bench.counted(*slower)) == 1


def test_a_client_that_repeats_its_query_gets_one_answer(bench: Bench) -> None:
    query = DNSRecord.question("free.test")
    for _ in range(3):
        bench.send(bytes(query.pack()))
    asked, sender = bench.forwarded()

    bench.reply(with_address(asked), sender)

    assert bench.answer().header.id == query.header.id
    assert says_nothing(bench.clients[0]) and says_nothing(bench.upstream)
    assert bench.counted("dns_forwarded", "dns_coalesced", "dns_answered") == (1, 2, 1)


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("another type", {"qtype": "AAAA"}),
        ("another name", {"qname": "other.test"}),
        ("checking disabled", {"cd": 1}),
        ("DNSSEC records", {"flags": "do"}),
        ("no recursion", {"rd": 0}),
    ],
)
def test_questions_that_differ_in_what_an_upstream_answers_do_not_share_one(
    bench: Bench, what: str, other: dict[str, str | int]
) -> None:
    bench.ask("free.test")
    query = DNSRecord.question(str(other.get("qname", "free.test")), str(other.get("qtype", "A")))
    query.header.cd = int(other.get("cd", 0))
    query.header.rd = int(other.get("rd", 1))
    query.add_ar(EDNS0(flags=str(other.get("flags", "")), udp_len=1232))

    bench.send(bytes(query.pack()))

    assert bench.counted("dns_forwarded", "dns_coalesced") == (2, 0)
    bench.forwarded()
    asked, _ = bench.forwarded()
    assert (asked.header.rd, asked.header.cd) == (query.header.rd, query.header.cd)
    assert bool(asked.ar[0].edns_do) == ("flags" in other)


def test_however_many_clients_wait_for_one_question_it_is_asked_once(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    for number in range(70):
        query = DNSRecord.question("free.test")
        query.header.id = number
        bench.send(bytes(query.pack()))

    assert bench.counted("dns_forwarded", "dns_coalesced") == (1, 69)
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)
    assert {bench.answer().header.id for _ in range(70)} == set(range(70))


def test_an_upstream_sees_nothing_of_the_clients_edns_and_the_client_nothing_of_the_upstreams(bench: Bench) -> None:
    query = DNSRecord.question("free.test")
    cookie = b"\x00\x0a\x00\x08" + b"\x01" * 8
    message = bytes(query.pack())
    message = message[:11] + b"\x01" + message[12:] + b"\x00\x00\x29\x02\x00\x00\x00\x00\x00\x00\x0c" + cookie

    bench.send(message)
    asked, sender = bench.forwarded()
    reply = DNSRecord.parse(with_address(asked))
    reply.add_ar(EDNS0(udp_len=4096))
    bench.reply(bytes(reply.pack()), sender)

    assert (asked.ar[0].edns_len, asked.ar[0].rdata, asked.header.ad) == (1232, [], 1)
    answer = bench.answer()
    assert [record.edns_len for record in answer.ar] == [1232]


def test_a_client_without_edns_gets_no_opt_and_at_most_512_octets(bench: Bench) -> None:
    bench.ask("free.test", "TXT")
    asked, sender = bench.forwarded()
    reply = asked.reply()
    reply.add_answer(*DNSRecord.parse(with_address(asked)).rr * 40)
    bench.reply(bytes(reply.pack()), sender)

    answer = bench.answer()
    assert (answer.header.tc, answer.rr, answer.ar) == (1, [], [])


def test_a_query_longer_than_what_is_kept_of_it_is_answered_with_edns(bench: Bench) -> None:
    message = bytes(DNSRecord.question("free.test").pack())
    padding = b"\x00\x0c" + (600).to_bytes(2, "big") + bytes(600)
    message = message[:11] + b"\x01" + message[12:] + b"\x00\x00\x29\x10\x00\x00\x00\x00\x00" + (604).to_bytes(2, "big")

    bench.send(message + padding)
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)

    answer = bench.answer()
    assert (str(answer.a.rdata), [record.edns_len for record in answer.ar]) == ("198.51.100.1", [1232])


@pytest.mark.parametrize("rcode", [RCODE.SERVFAIL, RCODE.REFUSED])
def test_what_one_upstream_cannot_answer_another_one_may(pair: Bench, rcode: int) -> None:
    query = pair.ask("free.test")
    asked, sender = pair.forwarded(0)
    pair.reply(refused(asked, rcode), sender, 0)
    asked, sender = pair.forwarded(1)
    pair.reply(with_address(asked), sender, 1)

    answer = pair.answer()
    assert (answer.header.id, str(answer.a.rdata)) == (query.header.id, "198.51.100.1")
    assert says_nothing(pair.clients[0])
    assert pair.counted("dns_retried", "dns_answered") == (1, 1)


def test_where_every_upstream_refuses_the_client_is_told_so(pair: Bench) -> None:
    pair.ask("free.test")
    for upstream in (0, 1):
        asked, sender = pair.forwarded(upstream)
        pair.reply(refused(asked), sender, upstream)

    assert pair.answer().header.rcode == RCODE.REFUSED
    assert pair.counted("dns_retried", "dns_answered") == (1, 1)


def test_a_question_without_an_answer_is_asked_elsewhere_after_a_while(pair: Bench) -> None:
    query = pair.ask("free.test")
    pair.forwarded(0)

    pair.turn_until(lambda: pair.counted("dns_retried") == (1,))
    asked, sender = pair.forwarded(1)
    pair.reply(with_address(asked), sender, 1)

    assert pair.answer().header.id == query.header.id


def test_a_single_upstream_is_asked_again_under_another_id_and_the_first_answer_is_late(bench: Bench) -> None:
    bench.ask("free.test")
    first, first_sender = bench.forwarded()
    bench.turn_until(lambda: bench.counted("dns_retried") == (1,))
    second, sender = bench.forwarded()

    bench.reply(with_address(first, "198.51.100.66"), first_sender)
    assert says_nothing(bench.clients[0])
    bench.reply(with_address(second), sender)

    assert str(bench.answer().a.rdata) == "198.51.100.1"
    assert bench.counted("dns_upstream_late", "dns_forwarded", "dns_answered") == (1, 1, 1)


def test_a_client_whom_no_upstream_answers_is_told_so_in_the_end(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",), patience_s=0.05)
    query = bench.ask("free.test")
    asked, sender = bench.forwarded()
    assert bench.counted("dns_upstream_lost") == (0,)

    bench.turn_until(lambda: bench.counted("dns_upstream_lost") == (1,))
    bench.reply(with_address(asked), sender)

    answer = bench.answer()
    assert (answer.header.id, answer.header.rcode, answer.q) == (query.header.id, RCODE.SERVFAIL, query.q)
    assert says_nothing(bench.clients[0])
    assert bench.counted("dns_given_up", "dns_upstream_late", "dns_answered") == (1, 1, 0)


def test_an_upstream_that_stays_silent_is_left_until_it_answers_a_probe(pair: Bench) -> None:
    pair.turn_until(lambda: pair.counted("dns_probes") == (2,))
    for number in range(8):
        pair.ask(f"free{number}.test")
    pair.turn_until(lambda: pair.counted("dns_retried") == (8,))
    assert pair.loop.preference() == [1, 0]

    pair.ask("later.test")
    while str(pair.forwarded(1)[0].q.qname).lower() != "later.test.":
        pass
    pair.turn_until(lambda: pair.counted("dns_probes")[0] >= 4)
    for _ in range(20):  # what it was asked meanwhile, then a probe
        message, sender = pair.upstreams[0].recvfrom(512)
        pair.reply(bytes(DNSRecord.parse(message).reply().pack()), sender, 0)
        if pair.loop.preference() == [0, 1]:
            return
    pytest.fail("a probe was answered, and nobody noticed")


def test_a_single_upstream_is_probed_only_while_it_is_down(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    for _ in range(3):
        bench.turn(10)
    assert bench.counted("dns_probes") == (0,)

    for number in range(8):
        bench.ask(f"free{number}.test")

    bench.turn_until(lambda: bench.counted("dns_probes") == (1,))


def test_where_every_upstream_is_known_to_be_away_servfail_comes_at_once(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    for number in range(8):
        bench.ask(f"free{number}.test")
    bench.turn_until(lambda: bench.loop.is_upstream_dead)
    query = DNSRecord.question("now.test")
    query.add_ar(EDNS0(udp_len=1232))
    bench.send(bytes(query.pack()))

    answer = bench.answer()
    assert (answer.header.id, answer.header.rcode, answer.q) == (query.header.id, RCODE.SERVFAIL, query.q)
    assert [bytes(option.data) for option in answer.ar[0].rdata] == [b"\0\x16"]
    assert bench.counted("dns_no_upstream") == (1,)


def test_an_upstream_that_answers_its_probe_is_asked_again(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    for number in range(8):
        bench.ask(f"free{number}.test")
    bench.turn_until(lambda: bench.loop.is_upstream_dead)
    for _ in range(40):  # what it was asked meanwhile, then its probes
        message, sender = bench.upstream.recvfrom(512)
        bench.reply(bytes(DNSRecord.parse(message).reply().pack()), sender)
        if not bench.loop.is_upstream_dead:
            break

    bench.ask("later.test")
    assert bench.counted("dns_no_upstream") == (0,)


def test_eight_questions_without_an_answer_alone_make_nobody_dead(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",))
    for number in range(8):
        bench.ask(f"free{number}.test")
    bench.turn_until(lambda: bench.loop.down() == [0])

    assert not bench.loop.is_upstream_dead


def test_what_could_not_be_sent_is_counted_and_goes_to_another_upstream(images: Images, stack: ExitStack) -> None:
    bench = Bench(images, stack, ("127.0.0.1",), 2)
    for opened in sockets_to(bench.upstreams[0].getsockname()):
        opened.shutdown(socket.SHUT_WR)
        opened.close()

    query = bench.ask("free.test")
    bench.turn_until(lambda: bench.counted("dns_retried") == (1,))
    asked, sender = bench.forwarded(1)
    bench.reply(with_address(asked), sender, 1)

    assert bench.answer().header.id == query.header.id
    assert bench.counted("dns_forwarded") == (0,)
    assert bench.counted("dns_send_failed")[0] >= 1


def sockets_to(peer: tuple[str, int]) -> list[socket.socket]:
    """Doubles of this process's sockets that are connected to `peer`."""
    found = []
    for path in list(Path("/proc/self/fd").iterdir()):
        if not path.is_socket():
            continue
        opened = socket.socket(fileno=os.dup(int(path.name)))
        try:
            is_it = opened.getpeername() == peer
        except OSError:  # connected to nobody
            is_it = False
        found.append(opened) if is_it else opened.close()
    return found


def test_a_second_upstream_serves_at_once_while_the_first_cannot_be_connected(bench: Bench) -> None:
    upstreams = [("255.255.255.255", 9), bench.upstream.getsockname()]
    bench.loop = DnsLoop(bench.listeners, upstreams, bench.handoff, bench.reporter, SPECS, 2)

    assert list(bench.loop.connect_missing()) == [0]
    bench.ask("free.test")

    assert str(bench.forwarded()[0].q.qname).lower() == "free.test."
    assert bench.counted("dns_forwarded") == (1,)


def test_an_answer_whose_records_cannot_be_read_is_not_delivered(bench: Bench) -> None:
    bench.ask("free.test")
    asked, sender = bench.forwarded()
    true = with_address(asked)

    for cut in range(len(true) - 1, len(true) - 16, -1):
        bench.reply(true[:cut], sender)
    assert says_nothing(bench.clients[0])
    bench.reply(true, sender)

    assert str(bench.answer().a.rdata) == "198.51.100.1"


def test_a_batch_of_answers_for_many_clients_fills_more_than_one_box(bench: Bench) -> None:
    for number in range(6):
        for again in range(30):
            query = DNSRecord.question(f"free{number}.test")
            query.header.id = number * 100 + again
            bench.send(bytes(query.pack()))
    for _ in range(6):
        asked, sender = bench.forwarded()
        bench.upstream.sendto(with_address(asked), sender)

    bench.turn_until(lambda: bench.counted("dns_answered") == (180,))

    assert {bench.answer().header.id for _ in range(180)} == {n * 100 + again for n in range(6) for again in range(30)}


def test_the_stranger_at_another_port_is_never_heard(bench: Bench, stack: ExitStack) -> None:
    bench.ask("free.test", "MX")
    asked, sender = bench.forwarded()

    stack.enter_context(bound("127.0.0.1")).sendto(with_address(asked), sender)
    bench.turn(0)

    assert says_nothing(bench.clients[0])
    assert asked.q.qtype == QTYPE.MX


def test_whatever_an_upstream_says_the_loop_goes_on(bench: Bench) -> None:
    dice = Random(1)
    for number in range(300):
        bench.ask(f"free{number}.test")
        asked, sender = bench.forwarded()
        message = bytearray(with_address(asked) + dice.randbytes(dice.randrange(40)))
        for _ in range(dice.randrange(1, 6)):
            message[dice.randrange(2, len(message))] = dice.randrange(256)
        bench.reply(bytes(message), sender)

    while not says_nothing(bench.clients[0]):
        pass
    query = bench.ask("true.test")
    asked, sender = bench.forwarded()
    while str(asked.q.qname).lower() != "true.test.":
        asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)
    assert bench.answer().header.id == query.header.id
