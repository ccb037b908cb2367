"""Answers judged by the addresses that they lead to: records, hints, the chain, and what cannot be read."""

import struct
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from dnslib import RR
from hypothesis import given
from hypothesis import strategies as st
from support.dns.answers import ALPN, IPV4HINT, IPV6HINT, answer, https
from support.images.opened import Entry, Images
from support.images.prefixes import entries

from fastpath.dns.inspection import inspect
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode, Reason
from fastpath.wire.address import rule_text

NOW_S = 1_795_000_000
MAX_ADDRESSES = 4096
LISTED = [
    *entries("malware", "198.51.100.0/24"),
    *entries("malware", "203.0.113.128/25", Action.NODATA),
    *entries("malware", "2001:db8:bad::/48", Action.REFUSED),
    *entries("orders", "198.51.100.66"),
    *entries("csam", "203.0.113.7"),
    *entries("malware", "198.51.100.9", Action.PASSTHRU),
]


@pytest.fixture
def tables(images: Images) -> TableSet:
    return TableSet(images.names(LISTED))


def found(tables: TableSet, octets: bytes) -> str | None:
    culprit = inspect(tables, octets, None, NOW_S).culprit
    return None if culprit is None else rule_text(culprit)


def packed(*addresses: str) -> bytes:
    return b"".join(ip_address(each).packed for each in addresses)


@pytest.mark.parametrize(
    ("lines", "culprit"),
    [
        (["a.test 60 A 198.51.100.1"], "198.51.100.1"),
        (["a.test 60 A 192.0.2.1", "a.test 60 A 198.51.100.255"], "198.51.100.255"),
        (["a.test 60 AAAA 2001:db8:bad:1::1"], "2001:db8:bad:1::1"),
        (["a.test 60 AAAA ::ffff:c633:6401"], "198.51.100.1"),
        (["a.test 60 CNAME b.test", "b.test 60 A 203.0.113.128"], "203.0.113.128"),
        (["a.test 60 A 192.0.2.1", "beside.test 60 A 203.0.113.255"], "203.0.113.255"),
        ([https("a.test", 1, "", [(ALPN, b"\2h2"), (IPV4HINT, packed("192.0.2.1", "198.51.100.1"))])], "198.51.100.1"),
        ([https("a.test", 1, "svc.test", [(IPV6HINT, packed("2001:db8::1", "2001:db8:bad::1"))])], "2001:db8:bad::1"),
        ([https("a.test", 1, "svc.test", [(IPV4HINT, packed("198.51.100.1"))], kind=64)], "198.51.100.1"),
        (["a.test 60 A 203.0.113.127", "a.test 60 AAAA 2001:db8::1", "a.test 60 AAAA ::1"], None),
        ([https("a.test", 1, "svc.test", [(IPV4HINT, packed("192.0.2.1")), (IPV6HINT, packed("2001:db8::1"))])], None),
        ([https("a.test", 1, "", [(0x4444, packed("198.51.100.1"))])], None),
        (['a.test 60 TXT "198.51.100.1"'], None),
        (["a.test 60 A 198.51.100.9"], None),
    ],
)
def test_an_answer_that_leads_to_a_listed_address_is_blocked_as_its_prefix_says(
    tables: TableSet, lines: list[str | RR], culprit: str | None
) -> None:
    octets = answer("a.test", "A", *lines)

    inspection = inspect(tables, octets, None, NOW_S)
    assert found(tables, octets) == culprit
    if inspection.culprit is not None:
        assert inspection.decision == tables.decide(inspection.culprit, None, NOW_S)


def test_the_rule_is_told_as_a_prefix(tables: TableSet) -> None:
    decision = inspect(tables, answer("a.test", "A", "a.test 60 A 198.51.100.1"), None, NOW_S).decision

    assert (decision.list, decision.rule, decision.mode) == ("malware", "198.51.100.0/24", Mode.SUBTREE)


def test_of_several_addresses_the_strongest_tier_decides_and_no_exception_of_another_one_counts(
    tables: TableSet,
) -> None:
    lines = ["a.test 60 A 198.51.100.9", "a.test 60 A 198.51.100.1", "a.test 60 A 198.51.100.66"]

    assert found(tables, answer("a.test", "A", *lines)) == "198.51.100.66"
    decision = inspect(tables, answer("a.test", "A", *lines, "a.test 60 A 203.0.113.7"), None, NOW_S).decision
    assert (decision.reason, decision.rule) == (Reason.CSAM, None)


def test_where_no_list_holds_addresses_they_are_not_looked_at(images: Images) -> None:
    plain = TableSet(images.names([("malware", "198.51.100.1.test", Mode.SUBTREE)]))

    assert found(plain, answer("a.test", "A", "a.test 60 A 198.51.100.1")) is None


def test_addresses_of_a_delta_alone_are_looked_at(images: Images) -> None:
    base = images.names([("malware", "bad.test", Mode.SUBTREE)])
    octets = answer("a.test", "A", "a.test 60 A 198.51.100.1")

    assert found(TableSet(base), octets) is None
    assert found(TableSet(base, images.names(entries("malware", "198.51.100.1"), base)), octets) == "198.51.100.1"


def test_a_delta_takes_an_address_away(images: Images) -> None:
    base = images.names(entries("malware", "198.51.100.1"))
    gone = images.names([], base, drops=[entries("malware", "198.51.100.1")[0][1]])

    assert found(TableSet(base, gone), answer("a.test", "A", "a.test 60 A 198.51.100.1")) is None


def test_a_secret_address_is_found_and_told_to_nobody(images: Images) -> None:
    image = images.names(entries("csam", "198.51.100.0/24"))
    inspection = inspect(TableSet(image), answer("a.test", "A", "a.test 60 A 198.51.100.1"), None, NOW_S)

    assert inspection.decision.reason is Reason.CSAM and inspection.decision.rule is None


# ------------------------------------------------------------------------------------------------------- the chain


@pytest.mark.parametrize(
    ("allow", "lines", "culprit"),
    [
        (("help", "a.test", Mode.EXACT), ["a.test 60 A 198.51.100.1"], None),
        (("allowed", "a.test", Mode.EXACT, Action.PASSTHRU), ["a.test 60 A 198.51.100.1"], None),
        (("help", "a.test", Mode.EXACT), ["a.test 60 A 198.51.100.66"], "198.51.100.66"),
        (("help", "b.test", Mode.EXACT), ["a.test 60 CNAME b.test", "b.test 60 A 198.51.100.1"], None),
        (("help", "a.test", Mode.EXACT), ["b.test 60 A 198.51.100.1"], "198.51.100.1"),
        (("help", "b.test", Mode.EXACT), ["b.test 60 A 198.51.100.1"], "198.51.100.1"),
        (("help", "a.test", Mode.EXACT), [https("a.test", 1, "", [(IPV4HINT, packed("198.51.100.1"))])], None),
        (
            ("help", "svc.test", Mode.EXACT),
            [https("a.test", 1, "svc.test", [(IPV4HINT, packed("198.51.100.1"))])],
            "198.51.100.1",
        ),
    ],
    ids=["help", "security", "no order", "at the end", "beside", "beside and allowed", "its hints", "a service's"],
)
def test_what_lets_a_name_of_the_chain_go_opens_the_addresses_that_it_owns(
    images: Images, allow: Entry, lines: list[str | RR], culprit: str | None
) -> None:
    assert found(TableSet(images.names([*LISTED, allow])), answer("a.test", "A", *lines)) == culprit


# --------------------------------------------------------------------------------------------- what is unreadable


def refused(tables: TableSet, octets: bytes) -> bool:
    try:
        inspect(tables, octets, None, NOW_S)
    except ValueError as error:
        assert "do not deliver it" in str(error)
        return True
    return False


def with_record(kind: int, rdata: bytes, rclass: int = 1) -> bytes:
    octets = answer("a.test", "A")
    record = b"\xc0\x0c" + struct.pack("!HHIH", kind, rclass, 60, len(rdata)) + rdata
    return octets[:7] + b"\1" + octets[8:] + record


@pytest.mark.parametrize(
    ("kind", "rdata"),
    [
        (1, b""),
        (1, bytes(3)),
        (1, bytes(5)),
        (1, bytes(16)),
        (28, b""),
        (28, bytes(4)),
        (28, bytes(15)),
        (28, bytes(17)),
        (65, b"\0\1\0\0"),
        (65, b"\0\1\0\0\4\0"),
        (65, b"\0\1\0\0\4\0\5" + bytes(5)),
        (65, b"\0\1\0\0\4\0\4" + bytes(3)),
        (65, b"\0\1\0\0\6\0\4" + bytes(4)),
        (65, b"\0\1\0\0\1\0\1"),
    ],
)
def test_an_address_or_a_hint_of_another_length_is_not_delivered(
    images: Images, tables: TableSet, kind: int, rdata: bytes
) -> None:
    plain = TableSet(images.names([("malware", "bad.test", Mode.SUBTREE)]))

    assert refused(tables, with_record(kind, rdata))
    assert not refused(plain, with_record(kind, rdata))


def test_addresses_of_another_class_are_none(tables: TableSet) -> None:
    assert found(tables, with_record(1, packed("198.51.100.1"), rclass=3)) is None
    assert found(tables, with_record(1, packed("198.51.100.1"))) == "198.51.100.1"


def test_an_answer_cut_at_any_octet_is_not_delivered(tables: TableSet) -> None:
    octets = answer(
        "a.test",
        "A",
        "a.test 60 A 192.0.2.1",
        "a.test 60 AAAA 2001:db8::1",
        https(
            "a.test",
            1,
            "svc.test",
            [(ALPN, b"\2h2"), (IPV4HINT, packed("192.0.2.1")), (IPV6HINT, packed("2001:db8::1"))],
        ),
    )

    assert [n for n in range(len(octets)) if not refused(tables, octets[:n])] == []
    assert not refused(tables, octets)


def test_as_many_addresses_are_judged_as_a_message_holds_records_of(tables: TableSet) -> None:
    def octets(n: int) -> bytes:
        hints = packed(*["192.0.2.1"] * (n - 1), "198.51.100.1")
        return with_record(65, b"\0\1\0" + struct.pack("!HH", IPV4HINT, len(hints)) + hints)

    assert found(tables, octets(MAX_ADDRESSES)) == "198.51.100.1"
    assert refused(tables, octets(MAX_ADDRESSES + 1))


# -------------------------------------------------------------------------------------------- against ipaddress

# few bits differ, so that prefixes hold addresses and each other
NEAR_V4 = st.integers(0, 1023).map(lambda n: IPv4Address(int(IPv4Address("198.51.100.0")) + n))
NEAR_V6 = st.integers(0, 4095).map(lambda n: IPv6Address((0x20010DB8 << 96) + (n >> 8 << 72) + (n & 255)))
ADDRESSES = st.one_of(NEAR_V4, NEAR_V6, st.ip_addresses())
PREFIXES = st.one_of(
    st.tuples(NEAR_V4, st.integers(20, 32)),
    st.tuples(NEAR_V6, st.integers(30, 128)),
).map(lambda pair: ip_network(pair, strict=False))


@given(st.lists(PREFIXES, max_size=6), st.lists(ADDRESSES, min_size=1, max_size=6), st.data())
def test_an_answer_is_blocked_exactly_where_a_listed_prefix_holds_an_address(
    tmp_path_factory: pytest.TempPathFactory,
    prefixes: list[IPv4Network | IPv6Network],
    addresses: list[IPv4Address | IPv6Address],
    data: st.DataObject,
) -> None:
    image = Images(tmp_path_factory.mktemp("images"))
    listed = [entry for prefix in prefixes for entry in entries("malware", str(prefix))]
    tables = TableSet(image.names(listed, folding=("malware",) if data.draw(st.booleans()) else ()))
    lines = [
        f"a.test 60 A {each}" if each.version == 4 else f"a.test 60 AAAA {each.packed.hex(':', 2)}"
        for each in addresses
    ]
    plain = [each.ipv4_mapped or each if each.version == 6 else each for each in addresses]
    held = [each for each in plain if any(each in prefix for prefix in prefixes)]

    culprit = found(tables, answer("a.test", "A", *lines))

    assert culprit == (str(held[0]) if held else None)


def test_ipv4_addresses_inside_of_nat64_and_6to4_are_judged_as_ipv4(images: Images) -> None:
    tables = TableSet(images.names(entries("orders", "192.0.2.7")))
    for address, culprit in {
        "64:ff9b::192.0.2.7": "192.0.2.7",
        "64:ff9b::192.0.2.8": None,
        "2002:c000:207::1": "192.0.2.7",
        "2002:c000:208::1": None,
        "64:ff9b:1::192.0.2.7": None,
        "2003:c000:207::1": None,
    }.items():
        hint = https("a.test", 1, "", [(IPV6HINT, ip_address(address).packed)])
        assert found(tables, answer("a.test", "AAAA", f"a.test 60 AAAA {ip_address(address)}")) == culprit, address
        assert found(tables, answer("a.test", "HTTPS", hint)) == culprit, address


def test_an_address_of_6to4_keeps_its_own_rules_too(images: Images) -> None:
    tables = TableSet(images.names(entries("orders", "2002:c000:207::1")))

    assert found(tables, answer("a.test", "AAAA", "a.test 60 AAAA 2002:c000:207::1")) == "2002:c000:207::1"
    assert found(tables, answer("a.test", "AAAA", "a.test 60 AAAA 2002:c000:207::2")) is None


FIRST, SECOND = "allowed", "malware"  # in this order
PASSED = (SECOND, "a.test", Mode.EXACT, Action.PASSTHRU)


def test_an_exception_of_a_later_list_does_not_open_the_addresses_that_an_earlier_one_blocks(images: Images) -> None:
    """RPZ draft §5.2: of triggers at one place of the chain, those of the first zone come first."""
    octets = answer("a.test", "A", "a.test 60 A 192.0.2.7")
    passed_by_first = (FIRST, *PASSED[1:])

    assert found(TableSet(images.names([*entries(FIRST, "192.0.2.7"), PASSED])), octets) == "192.0.2.7"
    assert found(TableSet(images.names([*entries(SECOND, "192.0.2.7"), passed_by_first])), octets) is None
    assert (
        found(TableSet(images.names([*entries(FIRST, "192.0.2.7", Action.NXDOMAIN), passed_by_first])), octets) is None
    )


def test_an_exception_of_a_later_list_opens_what_stands_behind_its_aliases(images: Images) -> None:
    """RPZ draft §5.1: the place in the chain comes before the order of zones."""
    octets = answer("a.test", "A", "a.test 60 CNAME b.test", "b.test 60 A 192.0.2.7")
    tables = TableSet(images.names([*entries(FIRST, "192.0.2.7"), (FIRST, "b.test", Mode.EXACT), PASSED]))

    assert found(tables, octets) is None
