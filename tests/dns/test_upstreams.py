import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from dnslib import DNSRecord
from support.netspace import in_a_network_of_its_own, run_ip

from dns.errors import UpstreamFailed, UpstreamIsOurselves
from dns.upstreams import Endpoint, ask, choose, is_answering, is_local, parse_endpoint, require_others, watch

QUERY = bytes(DNSRecord.question("free.test").pack())
Reply = Callable[[bytes], bytes]


@pytest.mark.parametrize(("text", "endpoint"), [
    ("192.0.2.1:53", ("192.0.2.1", 53)), ("[2001:db8::1]:5353", ("2001:db8::1", 5353)), ("[::]:53", ("::", 53)),
    ("0.0.0.0:0", ("0.0.0.0", 0))])
def test_an_endpoint_is_read_and_written_alike(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(parse_endpoint(text)) == text


@pytest.mark.parametrize(("text", "found"), [
    ("192.0.2.1", "not an address and a port"), ("2001:db8::1:53", "not an address and a port"),
    ("[192.0.2.1]:53", "not an address and a port"), ("192.0.2.1:65536", "'65536' is not a port"),
    ("192.0.2.1:", "'' is not a port"), ("192.0.2.1:dns", "'dns' is not a port"),
    ("resolver.test:53", "'resolver.test' is not an address"), ("192.0.2.1:٥٣", "is not a port"),
    ("", "not an address")])
def test_what_is_no_endpoint_is_refused_with_what_was_found(text: str, found: str) -> None:
    with pytest.raises(ValueError, match=found):
        parse_endpoint(text)


@pytest.mark.parametrize(("listen", "upstream"), [
    ("127.0.0.1:53", "127.0.0.1:53"), ("[2001:db8::1]:53", "[2001:DB8::1]:53"), ("0.0.0.0:53", "127.0.0.1:53"),
    ("0.0.0.0:53", "127.7.7.7:53"), ("[::]:53", "[::1]:53"), ("127.0.0.1:53", "[::ffff:127.0.0.1]:53"),
    ("127.0.0.1:53", "0.0.0.0:53"), ("[::1]:53", "[::]:53")])
def test_an_upstream_that_is_ourselves_is_refused(listen: str, upstream: str) -> None:
    with pytest.raises(UpstreamIsOurselves) as caught:
        require_others([Endpoint("127.0.0.9", 54), parse_endpoint(listen)], [Endpoint("192.0.2.53", 54),
                                                                              parse_endpoint(upstream)])

    assert str(caught.value) == (f"dns upstream {parse_endpoint(upstream)}: it is this box, which listens at {listen}; "
                                 "not started; name the resolver behind us")


@pytest.mark.parametrize(("listen", "upstream"), [
    ("127.0.0.1:53", "127.0.0.1:54"), ("127.0.0.1:53", "127.0.0.2:53"), ("0.0.0.0:53", "[::1]:53"),
    ("[::]:53", "127.0.0.1:53"), ("0.0.0.0:53", "192.0.2.53:53"), ("0.0.0.0:0", "127.0.0.1:0")])
def test_an_upstream_beside_us_is_no_loop(listen: str, upstream: str) -> None:
    require_others([parse_endpoint(listen)], [parse_endpoint(upstream)])


@pytest.mark.kernel
@pytest.mark.parametrize(("address", "width", "anywhere"), [
    ("192.0.2.53", 24, "net.ipv4.ip_nonlocal_bind"), ("2001:db8::53", 64, "net.ipv6.ip_nonlocal_bind")])
def test_an_address_is_local_while_it_is_on_this_box_whatever_may_be_bound(address: str, width: int,
                                                                          anywhere: str) -> None:
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


async def tcp_upstream(reply: Reply, use: Callable[[Endpoint], Awaitable[None]]) -> None:
    """Run `use` against a TCP upstream that answers each connection with the octets of `reply`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        n = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(reply(await reader.readexactly(n)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        await use(Endpoint(*server.sockets[0].getsockname()))


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


async def test_an_upstreams_answer_over_tcp_comes_back_whole() -> None:
    answer = bytes(DNSRecord.parse(QUERY).reply().pack()) + bytes(30_000)

    async def use(upstream: Endpoint) -> None:
        assert await ask(upstream, QUERY) == answer

    await tcp_upstream(lambda _query: framed(answer), use)


@pytest.mark.parametrize(("what", "reply"), [
    ("another id", lambda query: framed(bytes([query[0] ^ 1]) + query[1:2] + b"\x81" + query[3:])),
    ("the query itself", framed), ("too short", lambda query: framed(query[:4])), ("cut", lambda query: b"\0\x50abc"),
    ("nothing", lambda query: b"")])
async def test_what_is_no_answer_fails_the_upstream(what: str, reply: Reply) -> None:
    async def use(upstream: Endpoint) -> None:
        with pytest.raises(UpstreamFailed, match=str(upstream.port)):
            await ask(upstream, QUERY)

    await tcp_upstream(reply, use)


async def test_a_silent_upstream_fails_after_the_patience() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(UpstreamFailed, match="TimeoutError"):
        await ask(Endpoint(*listener.getsockname()), QUERY, patience_s=0.05)


async def test_an_upstream_that_is_not_there_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = Endpoint(*listener.getsockname())

    with pytest.raises(UpstreamFailed, match="ConnectionRefusedError"):
        await ask(nowhere, QUERY)


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(b"\0\0other", addr)
        self.transport.sendto(data, addr)


async def udp_upstreams(n: int) -> list[tuple[asyncio.DatagramTransport, Endpoint]]:
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0)))[0] for _ in range(n)]
    return [(transport, Endpoint(*transport.get_extra_info("sockname"))) for transport in opened]


async def test_an_upstream_answers_or_it_does_not() -> None:
    [(transport, upstream)] = await udp_upstreams(1)

    assert await is_answering(upstream)
    transport.close()
    await asyncio.sleep(0)
    assert not await is_answering(upstream, patience_s=0.2)


async def test_the_first_upstream_that_answers_is_chosen_and_it_comes_back_when_it_answers_again() -> None:
    (first, one), (second, two) = await udp_upstreams(2)
    used: list[int] = []

    await choose([one, two], used.append)
    first.close()
    await asyncio.sleep(0)
    await choose([one, two], used.append)
    back, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, one)
    await choose([one, two], used.append)
    back.close()
    second.close()
    await asyncio.sleep(0)
    await choose([one, two], used.append)

    assert used == [0, 1, 0]


async def test_a_single_upstream_is_not_watched() -> None:
    used: list[int] = []

    await asyncio.wait_for(watch([Endpoint("127.0.0.1", 9)], used.append), 1)

    assert used == []
