"""The lists of special names, and SVCB records read by dnslib."""

import struct
from ipaddress import ip_address

from dnslib import RD, DNSBuffer, DNSRecord
from dnslib.dns import HTTPS
from support.images.opened import Images
from support.packets.shapes import question

from dns.front.special_names import (
    CANARIES,
    EncryptedResolver,
    encrypted_resolvers,
    safe_search_hosts,
    special_names,
    youtube_hosts,
)
from fastpath.images.tables import TableSet
from fastpath.people.policy_writer import ProfileSpec
from fastpath.wire.name import to_text, to_wire

STRICT, MODERATE = "192.0.2.1", "192.0.2.2"
SVCB = 64


def svcb(rdata: bytes) -> tuple[int, str, dict[int, bytes]]:
    """Priority, target and parameters: SVCB and HTTPS share their wire form."""
    read: RD = HTTPS.parse(DNSBuffer(rdata), len(rdata))
    return read.priority, ".".join(label.decode() for label in read.target), dict(read.params)


def tables(images: Images) -> TableSet:
    strict = ProfileSpec(1, (), 0, 0, safe_search=2, youtube=2, has_canaries=True)
    moderate = ProfileSpec(1, (), 0, 0, safe_search=1, youtube=1)
    return TableSet(
        images.names([]),
        None,
        images.subscribers([(STRICT, 1), (MODERATE, 2)]),
        None,
        images.policy([(1, strict), (2, moderate)]),
        None,
    )


def target(images: Images, host: str, client: str) -> str:
    """What is asked instead, or the answer's first record."""
    found = special_names().ask(tables(images), question(host.encode()), client, 0)
    assert found is not None, host
    answer, query = found
    return str(DNSRecord.parse(query).q.qname) if query else str(DNSRecord.parse(answer).rr[0].rdata)


def test_the_engines_of_the_semantics_are_all_there(images: Images) -> None:
    for host, instead in {
        "www.google.com": "forcesafesearch.google.com.",
        "www.google.com.pk": "forcesafesearch.google.com.",
        "www.google.co.uk": "forcesafesearch.google.com.",
        "www.google.de": "forcesafesearch.google.com.",
        "www.bing.com": "strict.bing.com.",
        "duckduckgo.com": "safe.duckduckgo.com.",
        "www.ecosia.org": "strict-safe-search.ecosia.org.",
        "pixabay.com": "safesearch.pixabay.com.",
        "yandex.com": "213.180.193.56",
        "www.yandex.ru": "213.180.193.56",
    }.items():
        assert target(images, host, STRICT) == target(images, host, MODERATE) == instead, host


def test_youtube_tells_moderate_from_strict(images: Images) -> None:
    assert target(images, "www.youtube.com", STRICT) == "restrict.youtube.com."
    assert target(images, "m.youtube.com", MODERATE) == "restrictmoderate.youtube.com."


def test_no_host_is_there_twice_or_is_a_target_and_each_is_a_name() -> None:
    hosts = [*safe_search_hosts(), *youtube_hosts()]
    names = [host for host, *_ in hosts]

    assert len(names) == len(set(names)) > 190
    assert not {instead for _, *targets in hosts for instead in targets} & set(names), "no target is sent on"
    assert all(to_text(to_wire(name.encode())) == name for name in names)


def test_every_canary_is_answered(images: Images) -> None:
    for name in CANARIES:
        found = special_names().ask(tables(images), question(name.encode()), STRICT, 0)
        assert found is not None and DNSRecord.parse(found[0]).header.rcode == 3


def test_a_resolver_over_tls_has_its_protocol_port_and_addresses() -> None:
    found = EncryptedResolver("ns.test", "dot", 853, (ip_address("192.0.2.1"), ip_address("2001:db8::1")))

    assert svcb(found.rdata(1)) == (
        1,
        "ns.test",
        {1: b"\x03dot", 3: struct.pack("!H", 853), 4: bytes([192, 0, 2, 1]), 6: ip_address("2001:db8::1").packed},
    )


def test_a_resolver_over_https_has_its_path() -> None:
    assert svcb(EncryptedResolver("ns.test", "h2", 443).rdata(2)) == (
        2,
        "ns.test",
        {1: b"\x02h2", 3: struct.pack("!H", 443), 7: b"/dns-query{?dns}"},
    )


def test_listeners_become_one_resolver_for_each_protocol_and_port() -> None:
    dot = [("0.0.0.0", 853), ("::", 853), ("192.0.2.1", 8853)]

    assert encrypted_resolvers("ns.test", dot, [("192.0.2.1", 443), ("2001:db8::1", 443)]) == [
        EncryptedResolver("ns.test", "dot", 853),
        EncryptedResolver("ns.test", "dot", 8853, (ip_address("192.0.2.1"),)),
        EncryptedResolver("ns.test", "h2", 443, (ip_address("192.0.2.1"), ip_address("2001:db8::1"))),
    ]


def test_without_a_name_nobody_is_sent_to_them() -> None:
    assert encrypted_resolvers(None, [("192.0.2.1", 853)], []) == []


def test_our_resolvers_are_what_ddr_is_answered(images: Images) -> None:
    names = special_names(encrypted_resolvers("ns.test", [("192.0.2.1", 853)], [("192.0.2.1", 443)]))

    found = names.ask(tables(images), question(b"_dns.resolver.arpa", SVCB), "192.0.2.9", 0)

    assert found is not None
    record = DNSRecord.parse(found[0])
    assert [svcb(bytes(rr.rdata.data))[0] for rr in record.rr] == [1, 2]
