from ipaddress import ip_address
from pathlib import Path

import pytest
from support.system.namespace import in_a_network_of_its_own, run_ip

from dns.base.endpoints import (
    Endpoint,
    TlsEndpoint,
    is_local,
    parse_endpoint,
    parse_upstream,
    require_others,
)
from dns.base.errors import UpstreamIsOurselves


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("192.0.2.1:53", ("192.0.2.1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
        ("[::]:53", ("::", 53)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
    ],
)
def test_an_endpoint_is_read_and_written_alike(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(parse_endpoint(text)) == text


@pytest.mark.parametrize(
    ("text", "upstream"),
    [
        ("192.0.2.1:53", Endpoint("192.0.2.1", 53)),
        ("tls://192.0.2.1:853", TlsEndpoint("192.0.2.1", 853)),
        ("tls://[2001:db8::1]:853#dns.test", TlsEndpoint("2001:db8::1", 853, "dns.test")),
    ],
)
def test_an_upstream_over_tls_has_a_scheme_and_may_have_a_name(text: str, upstream: object) -> None:
    assert parse_upstream(text) == upstream
    assert str(parse_upstream(text)) == text


@pytest.mark.parametrize("name", ["", ".", "a..b", "a b", "x" * 64])
def test_what_no_certificate_can_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host name; not used"):
        parse_upstream(f"tls://192.0.2.1:853#{name}")


def test_a_name_is_taken_in_its_canonical_form() -> None:
    assert parse_upstream("tls://192.0.2.1:853#Bücher.test") == TlsEndpoint("192.0.2.1", 853, "xn--bcher-kva.test")


@pytest.mark.parametrize("text", ["tls://resolver.test:853", "tls:192.0.2.1:853", "tls://192.0.2.1#dns.test", "tls://"])
def test_an_upstream_over_tls_without_address_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        parse_upstream(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1", "not an address and a port"),
        ("2001:db8::1:53", "not an address and a port"),
        ("[192.0.2.1]:53", "not an address and a port"),
        ("192.0.2.1:65536", "'65536' is not a port"),
        ("192.0.2.1:", "'' is not a port"),
        ("192.0.2.1:dns", "'dns' is not a port"),
        ("resolver.test:53", "'resolver.test' is not an address"),
        ("192.0.2.1:٥٣", "is not a port"),
        ("", "not an address"),
    ],
)
def test_what_is_no_endpoint_is_refused_with_what_was_found(text: str, found: str) -> None:
    with pytest.raises(ValueError, match=found):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("listen", "upstream"),
    [
        ("127.0.0.1:53", "127.0.0.1:53"),
        ("[2001:db8::1]:53", "[2001:DB8::1]:53"),
        ("0.0.0.0:53", "127.0.0.1:53"),
        ("0.0.0.0:53", "127.7.7.7:53"),
        ("[::]:53", "[::1]:53"),
        ("127.0.0.1:53", "[::ffff:127.0.0.1]:53"),
        ("127.0.0.1:53", "0.0.0.0:53"),
        ("[::1]:53", "[::]:53"),
    ],
)
def test_an_upstream_that_is_ourselves_is_refused(listen: str, upstream: str) -> None:
    with pytest.raises(UpstreamIsOurselves) as caught:
        require_others(
            [Endpoint("127.0.0.9", 54), parse_endpoint(listen)], [Endpoint("192.0.2.53", 54), parse_endpoint(upstream)]
        )

    assert str(caught.value) == (
        f"dns upstream {parse_endpoint(upstream)}: it is this box, which listens at {listen}; "
        "not started; name the resolver behind us"
    )


@pytest.mark.parametrize(
    ("listen", "upstream"),
    [
        ("127.0.0.1:53", "127.0.0.1:54"),
        ("127.0.0.1:53", "127.0.0.2:53"),
        ("0.0.0.0:53", "[::1]:53"),
        ("[::]:53", "127.0.0.1:53"),
        ("0.0.0.0:53", "192.0.2.53:53"),
        ("0.0.0.0:0", "127.0.0.1:0"),
    ],
)
def test_an_upstream_beside_us_is_no_loop(listen: str, upstream: str) -> None:
    require_others([parse_endpoint(listen)], [parse_endpoint(upstream)])


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("address", "width", "anywhere"),
    [("192.0.2.53", 24, "net.ipv4.ip_nonlocal_bind"), ("2001:db8::53", 64, "net.ipv6.ip_nonlocal_bind")],
)
def test_an_address_is_local_while_it_is_on_this_box_whatever_may_be_bound(
    address: str, width: int, anywhere: str
) -> None:
    endpoint = Endpoint(address, 53)
    neighbour = Endpoint(str(ip_address(address) + 1), 53)  # reached through the same interface
    wildcard = Endpoint("::" if ":" in address else "0.0.0.0", 53)

    async def ask_the_box() -> None:
        Path("/proc/sys", *anywhere.split(".")).write_text("1")
        assert not is_local(endpoint)
        require_others([wildcard], [endpoint])
        run_ip("link", "add", "inside", "type", "veth", "peer", "outside")
        run_ip("link", "set", "inside", "up")
        run_ip("link", "set", "outside", "up")
        run_ip("address", "add", f"{address}/{width}", "dev", "inside", *(["nodad"] if ":" in address else []))
        assert (is_local(endpoint), is_local(neighbour)) == (True, False)
        require_others([wildcard], [neighbour])
        with pytest.raises(UpstreamIsOurselves):
            require_others([wildcard], [endpoint])

    in_a_network_of_its_own(ask_the_box)
