"""Special names, for profiles with and without them, read by an independent reader (dnslib)."""

import struct
import time

import pytest
from dnslib import QTYPE, DNSRecord
from support.images.opened import Images
from support.packets.shapes import opt, question

from fastpath.dns.special_names import SpecialNames
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.people.policy_writer import ProfileSpec

A, MX, AAAA, SVCB, HTTPS = 1, 15, 28, 64, 65
NXDOMAIN = 3
EDE_FORGED, EDE_FILTERED = 4, 17
NOBODY, CANARY, MODERATE, STRICT, BOTH, TUBE, LATER = (f"192.0.2.{i}" for i in range(7))
PLAIN = ProfileSpec(0, (), 0, 0)
PROFILES = [
    (1, PLAIN._replace(has_canaries=True)),
    (2, PLAIN._replace(safe_search=1)),
    (3, PLAIN._replace(safe_search=2)),
    (4, PLAIN._replace(has_canaries=True, safe_search=2)),
    (5, PLAIN._replace(youtube=1)),
]
RDATA = struct.pack("!H", 1) + b"\x02ns\x04test\x00" + b"\x00\x01\x00\x04\x03dot"
NAMES = SpecialNames(
    [
        ("www.search.test", "safe.search.test", "safe.search.test"),
        ("video.test", "careful.video.test", "no.video.test"),
        ("strict.test", "", "safe.strict.test"),
        ("by-address.test", "192.0.2.99", "192.0.2.99"),
        ("listed.test", "safe.test", "safe.test"),
    ],
    ["canary.test"],
    [RDATA],
    youtube=[("tube.test", "restrictmoderate.test", "restrict.test")],
)


@pytest.fixture
def tables(images: Images) -> TableSet:
    addresses = [(f"192.0.2.{i}", i) for i in range(1, 6)]
    return TableSet(
        images.names([("orders", "listed.test", Mode.EXACT)]),
        None,
        images.subscribers(addresses),
        None,
        images.policy(PROFILES),
        None,
    )


def ask(
    tables: TableSet, name: bytes, client: str, qtype: int = A, names: SpecialNames = NAMES, qclass: int = 1
) -> bytes | str | None:
    """The answer; the target that is asked instead, as text; or None."""
    found = names.ask(tables, question(name, qtype, qclass, additional=[opt()]), client, int(time.time()))
    if found is None:
        return None
    answer, target = found
    if answer:
        return answer
    asked = DNSRecord.parse(target)
    assert (asked.header.id, asked.header.rd, asked.q.qtype, asked.ar) == (0x1234, 1, qtype, [])
    return str(asked.q.qname)


def read(answer: bytes | str | None) -> tuple[int, list[str], list[int]]:
    """Rcode, answers, EDE codes; an answer without records has a SOA."""
    assert isinstance(answer, bytes)
    record = DNSRecord.parse(answer)
    assert [rr.rtype for rr in record.auth] == ([] if record.rr else [QTYPE.SOA])
    codes = [int.from_bytes(option.data[:2], "big") for option in record.ar[0].rdata if option.code == 15]
    return record.header.rcode, [f"{rr.ttl} {rr.rdata}" for rr in record.rr], codes


# ---------------------------------------------------------------------------------------------------------- safe search


@pytest.mark.parametrize(
    ("client", "target"),
    [
        (NOBODY, None),
        (CANARY, None),
        (MODERATE, "safe.search.test."),
        (STRICT, "safe.search.test."),
        (BOTH, "safe.search.test."),
    ],
)
@pytest.mark.parametrize("qtype", [A, AAAA])
def test_a_host_of_safe_search_is_looked_up_elsewhere_for_who_wishes_it(
    tables: TableSet, client: str, target: str | None, qtype: int
) -> None:
    assert ask(tables, b"wWw.search.test", client, qtype) == target


def test_moderate_and_strict_may_be_different(tables: TableSet) -> None:
    assert ask(tables, b"video.test", MODERATE) == "careful.video.test."
    assert ask(tables, b"video.test", STRICT) == "no.video.test."
    assert ask(tables, b"strict.test", MODERATE) is None
    assert ask(tables, b"strict.test", STRICT) == "safe.strict.test."


@pytest.mark.parametrize("qtype", [HTTPS, SVCB, MX])
def test_other_types_of_a_host_of_safe_search_are_nodata(tables: TableSet, qtype: int) -> None:
    assert read(ask(tables, b"www.search.test", STRICT, qtype)) == (0, [], [EDE_FILTERED])
    assert read(ask(tables, b"by-address.test", STRICT, qtype)) == (0, [], [EDE_FILTERED])


def test_a_target_may_be_an_address(tables: TableSet) -> None:
    assert read(ask(tables, b"by-address.test", MODERATE)) == (0, ["60 192.0.2.99"], [EDE_FILTERED, EDE_FORGED])
    assert read(ask(tables, b"by-address.test", MODERATE, AAAA)) == (0, [], [EDE_FILTERED])


@pytest.mark.parametrize("name", [b"search.test", b"a.www.search.test", b"safe.search.test", b"www.search.tes", b""])
def test_only_the_exact_hosts_are_special(tables: TableSet, name: bytes) -> None:
    assert ask(tables, name, BOTH) is None


def test_what_a_list_blocks_is_not_special(tables: TableSet) -> None:
    assert ask(tables, b"listed.test", STRICT) is None


def test_another_class_is_not_special(tables: TableSet) -> None:
    assert ask(tables, b"www.search.test", STRICT, qclass=3) is None


# ------------------------------------------------------------------------------------------------------------- canaries


@pytest.mark.parametrize("client", [CANARY, BOTH])
@pytest.mark.parametrize("qtype", [A, AAAA, HTTPS])
def test_a_canary_is_not_there_for_who_is_to_stay_with_this_resolver(tables: TableSet, client: str, qtype: int) -> None:
    assert read(ask(tables, b"Canary.test", client, qtype)) == (NXDOMAIN, [], [EDE_FILTERED])


@pytest.mark.parametrize("client", [NOBODY, MODERATE, STRICT, LATER])
def test_a_canary_is_an_ordinary_name_for_others(tables: TableSet, client: str) -> None:
    assert ask(tables, b"canary.test", client) is None


# ------------------------------------------------------------------------------------------------------------------ DDR


@pytest.mark.parametrize("client", [NOBODY, BOTH])
def test_everybody_is_told_how_to_reach_us_encrypted(tables: TableSet, client: str) -> None:
    answer = ask(tables, b"_dns.Resolver.arpa", client, SVCB)

    assert isinstance(answer, bytes)
    record = DNSRecord.parse(answer)
    assert [(str(rr.rname), rr.rtype, rr.ttl, bytes(rr.rdata.data)) for rr in record.rr] == [
        ("_dns.Resolver.arpa.", SVCB, 300, RDATA)
    ]
    assert record.header.rcode == 0 and list(record.ar[0].rdata) == []


@pytest.mark.parametrize(
    ("name", "qtype"),
    [(b"_dns.resolver.arpa", A), (b"resolver.arpa", SVCB), (b"x.resolver.arpa", SVCB), (b"_dns.a.resolver.arpa", SVCB)],
)
def test_everything_else_there_is_nodata_and_never_forwarded(tables: TableSet, name: bytes, qtype: int) -> None:
    assert read(ask(tables, name, NOBODY, qtype)) == (0, [], [])


def test_without_an_encrypted_resolver_there_is_none(tables: TableSet) -> None:
    assert read(ask(tables, b"_dns.resolver.arpa", NOBODY, SVCB, SpecialNames())) == (0, [], [])


@pytest.mark.parametrize("name", [b"arpa", b"notresolver.arpa", b"resolver.arpa.test", b"\x08resolver\x04arpa"])
def test_what_only_looks_like_it_is_an_ordinary_name(tables: TableSet, name: bytes) -> None:
    assert ask(tables, name, NOBODY, SVCB) is None


# ------------------------------------------------------------------------------------------------------------ the lists


@pytest.mark.parametrize(
    ("hosts", "canaries", "resolvers", "why"),
    [
        ([("a.test", "b.test", "b.test")] * 2, [], [], "a.test is there twice"),
        ([("a.test", "b.test", "b.test")], ["a.test"], [], "a.test is there twice"),
        ([], [f"c{i}.test" for i in range(512)], [], "more than 511"),
        ([(f"c{i}.test", f"d{i}.test", "") for i in range(32)], [], [], "more than 31 targets"),
        ([], [f"{'a' * 63}.{'b' * 20}.test"], [], "longer than 80"),
        ([("a.test", f"{'a' * 63}.{'b' * 20}.test", "")], [], [], "longer than 80"),
        ([], ["a..test"], [], "label 2 is empty"),
        ([], [], [bytes(257)], "257 octets"),
        ([], [], [b"\x00\x01\x00"] * 9, "resolver 9"),
    ],
)
def test_what_cannot_be_special_is_refused(
    hosts: list[tuple[str, str, str]], canaries: list[str], resolvers: list[bytes], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        SpecialNames(hosts, canaries, resolvers)


def test_as_many_as_there_can_be_are_all_found(tables: TableSet) -> None:
    canaries = [f"c{i}.test" for i in range(511)]
    names = SpecialNames((), canaries, ())

    assert all(ask(tables, name.encode(), CANARY, names=names) for name in canaries)
    assert ask(tables, b"c511.test", CANARY, names=names) is None


def test_what_is_no_query_is_refused(tables: TableSet) -> None:
    with pytest.raises(ValueError, match="not one readable question"):
        NAMES.ask(tables, b"", NOBODY, 0)


def test_youtube_is_a_setting_of_its_own(tables: TableSet) -> None:
    assert ask(tables, b"tube.test", TUBE) == "restrictmoderate.test."
    assert ask(tables, b"www.search.test", TUBE) is None
    assert ask(tables, b"tube.test", STRICT) is None
