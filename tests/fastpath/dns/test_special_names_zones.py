"""Names of local zones: answered here for everybody, or forwarded where they are the operator's own."""

from ipaddress import ip_address

import pytest
from dnslib import QTYPE, DNSRecord
from support.images.opened import Images
from support.packets.shapes import opt, question

from dns.front.special_names import LocalAnswers, special_names
from fastpath.dns.special_names import SpecialNames
from fastpath.images.tables import TableSet

NXDOMAIN, NOERROR = 3, 0
DS = 43
NAMES = special_names()
OWN = special_names(local=LocalAnswers(own_names=["10.in-addr.arpa", "home.arpa", "corp.local", "5.10.in-addr.arpa"]))
SOMEBODY = "192.0.2.7"


@pytest.fixture
def tables(images: Images) -> TableSet:
    return TableSet(images.names([]))


def answered(tables: TableSet, name: str, qtype: int = 1, names: SpecialNames = NAMES) -> DNSRecord | None:
    """The local answer; None where the name is for an upstream."""
    found = names.ask(tables, question(name.encode(), qtype, additional=[opt()]), SOMEBODY, 0)
    if found is None:
        return None
    assert found[0], "no target"
    return DNSRecord.parse(found[0])


@pytest.mark.parametrize(
    "name",
    [
        "invalid",
        "x.invalid",
        "printer.local",
        "local",
        "facebookcorewwwi.onion",
        "onion",
        "a.home.arpa",
        "1.0.0.10.in-addr.arpa",
        "9.20.172.in-addr.arpa",
        "1.1.168.192.in-addr.arpa",
        "1.0.0.127.in-addr.arpa",
        "1.1.254.169.in-addr.arpa",
        "7.2.0.192.in-addr.arpa",
        "1.1.127.100.in-addr.arpa",
        "4.3.2.1.d.f.ip6.arpa",
        "0.8.e.f.ip6.arpa",
        "f.b.e.f.ip6.arpa",
        ip_address("2001:db8::1").reverse_pointer,
    ],
)
@pytest.mark.parametrize("qtype", [1, 12, 28, 65])
def test_a_name_that_means_nothing_outside_of_a_local_network_does_not_exist(
    tables: TableSet, name: str, qtype: int
) -> None:
    answer = answered(tables, name, qtype)

    assert answer is not None and (answer.header.rcode, answer.rr) == (NXDOMAIN, [])
    assert [(rr.rtype, rr.ttl) for rr in answer.auth] == [(QTYPE.SOA, 10800)]
    assert answer.ar[0].rdata == [], "no extended error: nothing was blocked"


@pytest.mark.parametrize(
    "name",
    ["home.arpa", "10.in-addr.arpa", "d.f.ip6.arpa", ip_address("::1").reverse_pointer, "255.255.255.255.in-addr.arpa"],
)
def test_a_reverse_zone_itself_is_there_and_empty_and_its_ds_is_its_parents(tables: TableSet, name: str) -> None:
    answer = answered(tables, name)

    assert answer is not None and (answer.header.rcode, answer.rr) == (NOERROR, [])
    assert answered(tables, name, DS) is None


def test_localhost_is_this_machine_with_all_names_below_it(tables: TableSet) -> None:
    for name in ("localhost", "LOCALHOST", "a.localhost"):
        four, six, other = (answered(tables, name, qtype) for qtype in (1, 28, 16))
        assert four is not None and six is not None and other is not None
        assert ([str(rr.rdata) for rr in four.rr], [str(rr.rdata) for rr in six.rr]) == (["127.0.0.1"], ["::1"])
        assert (other.header.rcode, other.rr, four.ar[0].rdata) == (NOERROR, [], [])


@pytest.mark.parametrize(
    "name",
    [
        "www.test",
        "notlocal",
        "local.example",
        "invalid.example",
        "xlocalhost",
        "arpa",
        "in-addr.arpa",
        "home.arpa.example",
        "nothome.arpa",
        "110.in-addr.arpa",
        "7.100.51.199.in-addr.arpa",
        "1.15.172.in-addr.arpa",
        "1.32.172.in-addr.arpa",
        "1.63.100.in-addr.arpa",
        "1.128.100.in-addr.arpa",
        "4.4.8.8.in-addr.arpa",
        "ip6.arpa",
        "f.7.e.f.ip6.arpa",
        ip_address("2001:db9::1").reverse_pointer,
        "x." * 100 + "example",
    ],
)
def test_all_other_names_are_the_upstreams(tables: TableSet, name: str) -> None:
    assert answered(tables, name) is None


def test_zones_of_the_operators_own_are_the_upstreams_with_all_below_them(tables: TableSet) -> None:
    for name in (
        "10.in-addr.arpa",
        "1.0.0.10.in-addr.arpa",
        "1.5.10.in-addr.arpa",
        "home.arpa",
        "a.home.arpa",
        "a.corp.local",
    ):
        assert answered(tables, name, names=OWN) is None
    for name in ("other.local", "local", "1.168.192.in-addr.arpa"):
        assert answered(tables, name, names=OWN) is not None


def test_canaries_are_for_everybody_where_the_operator_wants_that(tables: TableSet) -> None:
    everybody = special_names(local=LocalAnswers(has_canaries_for_all=True))

    answer = answered(tables, "use-application-dns.net", names=everybody)

    assert answer is not None and answer.header.rcode == NXDOMAIN
    assert answered(tables, "use-application-dns.net") is None
    assert answered(tables, "www.google.com", names=everybody) is None


def test_an_identity_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="an identity of 65 octets"):
        SpecialNames(identity=b"x" * 65)
