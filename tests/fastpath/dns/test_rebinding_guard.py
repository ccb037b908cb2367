"""Answers that lead into somebody's own network, and those that do not."""

from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address

import pytest
from dnslib import RCODE, RD, RR, DNSRecord
from hypothesis import given
from hypothesis import strategies as st
from support.dns.answers import IPV4HINT, IPV6HINT, answer, https
from support.dns.loop_bench import Bench, with_address
from support.images.opened import Images

from dns.front.special_names import LocalAnswers, special_names
from fastpath.dns.rebinding_guard import answer_leads_inside

NAME = "free.test"
INSIDE = [
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "127.0.0.1",
    "169.254.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "::1",
    "::",
    "fd00::1",
    "fc00::1",
    "fe80::1",
    "febf::1",
    "::ffff:192.168.1.1",
    "64:ff9b::10.0.0.1",
    "2002:c0a8:101::1",
]
OUTSIDE = [
    "11.0.0.1",
    "172.15.255.255",
    "172.32.0.0",
    "192.169.0.1",
    "126.255.255.255",
    "169.253.0.1",
    "100.128.0.1",
    "100.63.0.1",
    "2001:db8::1",
    "fec0::1",
    "::2",
    "::ffff:198.51.100.1",
    "64:ff9b::198.51.100.1",
    "2002:c633:6401::1",
    "ff02::1",
]


def kind_of(address: str) -> int:
    return 28 if ":" in address else 1


@pytest.mark.parametrize(("addresses", "expected"), [(INSIDE, True), (OUTSIDE, False)], ids=["inside", "outside"])
def test_private_addresses_of_both_families_are_found_among_others(addresses: list[str], expected: bool) -> None:
    for address in addresses:
        record = RR(NAME, kind_of(address), 1, 60, RD(ip_address(address).packed))
        hint = https(NAME, 1, "", [(IPV6HINT if ":" in address else IPV4HINT, ip_address(address).packed)])

        assert answer_leads_inside(answer(NAME, "A", f"{NAME} 60 A 198.51.100.1", record)) is expected, address
        assert answer_leads_inside(answer(NAME, "HTTPS", hint)) is expected, address


def test_addresses_in_other_sections_and_other_data_lead_nowhere() -> None:
    line = f"{NAME} 60 A 10.0.0.1"

    assert not answer_leads_inside(answer(NAME, "A", authority=[line], additional=[line]))
    assert not answer_leads_inside(answer(NAME, "TXT", f"{NAME} 60 TXT 10.0.0.1"))


@given(octets=st.binary(max_size=200))
def test_no_octets_are_read_past_their_end(octets: bytes) -> None:
    answer_leads_inside(octets)
    answer_leads_inside(answer(NAME, "A", f"{NAME} 60 A 198.51.100.1")[: len(octets)])


@pytest.fixture
def bench(images: Images) -> Iterator[Bench]:
    names = special_names(local=LocalAnswers(own_names=["isp.test", "10.in-addr.arpa"], is_guarding_private=True))
    with ExitStack() as stack:
        yield Bench(images, stack, ("127.0.0.1",), specials=names)


@pytest.mark.parametrize(
    ("name", "address", "rcode"),
    [
        ("free.test", "198.51.100.1", RCODE.NOERROR),
        ("free.test", "192.168.1.1", RCODE.REFUSED),
        ("isp.test", "192.168.1.1", RCODE.NOERROR),
        ("www.isp.test", "10.0.0.1", RCODE.NOERROR),
        ("notisp.test", "10.0.0.1", RCODE.REFUSED),
    ],
)
def test_a_guarded_front_refuses_private_addresses_of_all_but_own_names(
    bench: Bench, name: str, address: str, rcode: int
) -> None:
    bench.ask(name)
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked, address), sender)

    given_back = bench.answer()
    assert (given_back.header.rcode, len(given_back.rr)) == (rcode, rcode == RCODE.NOERROR)
    assert bench.counted("dns_rebinding_refused") == (int(rcode != RCODE.NOERROR),)


def test_without_the_guard_private_addresses_are_delivered(images: Images) -> None:
    with ExitStack() as stack:
        bench = Bench(images, stack, ("127.0.0.1",), specials=special_names())
        bench.ask("free.test")
        asked, sender = bench.forwarded()
        bench.reply(with_address(asked, "10.0.0.1"), sender)

        assert isinstance(bench.answer(), DNSRecord)
        assert bench.counted("dns_rebinding_refused") == (0,)
