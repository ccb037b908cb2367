from dataclasses import astuple
from ipaddress import ip_address, ip_interface, ip_network

from filterd.lab.addresses import LAB, LINKS, LOOPBACK, Addresses

RESERVED = [ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32")]


def hosts(addresses: Addresses) -> list[str]:
    return [value for value in astuple(addresses) if isinstance(value, str)]


def test_the_lab_has_documentation_addresses_only() -> None:
    linked = [text for link in LINKS for text in (link.gateway4, link.gateway6, *link.node4, *link.node6)]

    strangers = [text for text in [*hosts(LAB), *linked] if not any(ip_address(text) in prefix for prefix in RESERVED)]

    assert strangers == []


def test_both_ends_of_a_link_are_in_one_network_and_no_two_links_overlap() -> None:
    networks = []
    for link in LINKS:
        four, six = (link.gateway4, link.node4, link.length4), (link.gateway6, link.node6, link.length6)
        for gateway, ends, length in (four, six):
            network = ip_interface(f"{gateway}/{length}").network
            assert all(ip_address(end) in network for end in ends), link.node
            networks.append(network)

    assert not [(a, b) for a in networks for b in networks if a is not b and a.version == b.version and a.overlaps(b)]


def test_the_loopback_needs_no_root() -> None:
    ports = [value for value in astuple(LOOPBACK) if isinstance(value, int)]

    assert all(ip_address(text).is_loopback for text in hosts(LOOPBACK))
    assert min(ports) >= 1024
    assert len(set(ports)) == len(ports)


def test_the_api_is_at_the_gateway() -> None:
    assert LAB.api == "http://192.0.2.1:8080"
