"""What this server tells of itself, and that no upstream is asked for it."""

from contextlib import ExitStack

import pytest
from dnslib import EDNS0, RCODE, DNSQuestion, DNSRecord, EDNSOption
from support.dns.loop_bench import Bench, says_nothing, with_address
from support.images.opened import Images

from dns.front.special_names import LocalAnswers, special_names

CH, TXT, A, NSID = 3, 16, 1, 3
WHO = "dns-1.isp.example"


@pytest.fixture
def named(images: Images, stack: ExitStack) -> Bench:
    return Bench(images, stack, ("127.0.0.1",), specials=special_names(local=LocalAnswers(identity=WHO)))


@pytest.fixture
def nameless(images: Images, stack: ExitStack) -> Bench:
    return Bench(images, stack, ("127.0.0.1",), specials=special_names())


def asked(bench: Bench, name: str, qtype: int = TXT, qclass: int = CH) -> DNSRecord:
    bench.send(bytes(DNSRecord(q=DNSQuestion(name, qtype, qclass)).pack()))
    return bench.answer()


@pytest.mark.parametrize(
    ("name", "text"),
    [("version.bind", "filterd"), ("VERSION.Server", "filterd"), ("hostname.bind", WHO), ("id.server", WHO)],
)
def test_a_server_with_a_name_gives_it_to_who_asks(named: Bench, name: str, text: str) -> None:
    answer = asked(named, name)

    assert (answer.header.rcode, [(rr.rclass, rr.ttl, str(rr.rdata)) for rr in answer.rr]) == (
        0,
        [(CH, 0, f'"{text}"')],
    )
    assert says_nothing(named.upstream)


def test_another_type_of_such_a_name_has_no_records(named: Bench) -> None:
    assert (asked(named, "id.server", A).header.rcode, asked(named, "id.server", A).rr) == (0, [])


@pytest.mark.parametrize("name", ["version.bind", "version.server", "hostname.bind", "id.server", "authors.bind"])
def test_a_server_without_a_name_refuses_to_tell_it_and_asks_no_upstream(nameless: Bench, name: str) -> None:
    assert asked(nameless, name).header.rcode == RCODE.REFUSED
    assert says_nothing(nameless.upstream)
    assert nameless.counted("dns_meta_refused", "dns_forwarded") == (1, 0)


@pytest.mark.parametrize("qclass", [CH, 4, 254, 255, 0])
def test_no_question_of_another_class_is_forwarded(named: Bench, qclass: int) -> None:
    assert asked(named, "free.test", A, qclass).header.rcode == RCODE.REFUSED
    assert says_nothing(named.upstream)


def nsid(bench: Bench, *options: EDNSOption) -> list[bytes]:
    query = DNSRecord.question("free.test")
    query.add_ar(EDNS0(opts=list(options)))
    bench.send(bytes(query.pack()))
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)
    return [bytes(option.data) for option in bench.answer().ar[0].rdata if option.code == NSID]


def test_nsid_is_answered_where_it_is_asked_for_and_there_is_a_name(named: Bench) -> None:
    assert nsid(named, EDNSOption(NSID, b"")) == [WHO.encode()]


def test_nsid_is_not_answered_unasked(named: Bench) -> None:
    assert nsid(named) == []


def test_nsid_of_a_server_without_a_name_is_no_option(nameless: Bench) -> None:
    assert nsid(nameless, EDNSOption(NSID, b"")) == []
