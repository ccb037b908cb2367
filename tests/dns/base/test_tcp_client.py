import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from dnslib import DNSRecord
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.base.errors import UpstreamFailure
from dns.base.tcp_client import ask, ask_in_order

QUERY = bytes(DNSRecord.question("free.test").pack())
Reply = Callable[[bytes], bytes]


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


@pytest.mark.parametrize(
    ("what", "reply"),
    [
        ("another id", lambda query: framed(bytes([query[0] ^ 1]) + query[1:2] + b"\x81" + query[3:])),
        ("the query itself", framed),
        ("too short", lambda query: framed(query[:4])),
        ("cut", lambda query: b"\0\x50abc"),
        ("nothing", lambda query: b""),
    ],
)
async def test_what_is_no_answer_fails_the_upstream(what: str, reply: Reply) -> None:
    async def use(upstream: Endpoint) -> None:
        with pytest.raises(UpstreamFailure, match=str(upstream.port)):
            await ask(upstream, QUERY)

    await tcp_upstream(reply, use)


async def test_a_silent_upstream_fails_after_the_patience() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(UpstreamFailure, match="TimeoutError"):
        await ask(Endpoint(*listener.getsockname()), QUERY, patience_s=0.05)


async def test_an_upstream_that_is_not_there_fails() -> None:
    nowhere = Endpoint("127.0.0.1", free_port())

    with pytest.raises(UpstreamFailure, match="ConnectionRefusedError"):
        await ask(nowhere, QUERY)


async def test_the_first_upstream_that_answers_over_tcp_is_enough() -> None:
    answer = bytes(DNSRecord.parse(QUERY).reply().pack())
    nowhere = Endpoint("127.0.0.1", free_port())

    async def use(upstream: Endpoint) -> None:
        assert await ask_in_order([partial(ask, nowhere), partial(ask, upstream)], QUERY) == answer
        with pytest.raises(UpstreamFailure, match=str(nowhere.port)):
            await ask_in_order([partial(ask, nowhere), partial(ask, nowhere)], QUERY)

    await tcp_upstream(lambda _query: framed(answer), use)


async def test_a_silent_upstream_does_not_use_up_the_patience_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dns.base.tcp_client.OTHERS_AFTER_S", 0.05)
    answer = bytes(DNSRecord.parse(QUERY).reply().pack())

    async def use(upstream: Endpoint) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            silent = Endpoint(*listener.getsockname())
            assert await ask_in_order([partial(ask, silent), partial(ask, upstream)], QUERY) == answer

    await tcp_upstream(lambda _query: framed(answer), use)


@pytest.mark.parametrize("rcode", [2, 5])
async def test_over_tcp_too_what_one_upstream_cannot_answer_another_one_may(rcode: int) -> None:
    answer = bytes(DNSRecord.parse(QUERY).reply().pack())
    failure = answer[:3] + bytes([answer[3] | rcode]) + answer[4:]

    async def failing(query: bytes, patience_s: float) -> bytes:
        return failure

    async def use(upstream: Endpoint) -> None:
        assert await ask_in_order([failing, partial(ask, upstream)], QUERY) == answer
        assert await ask_in_order([failing, failing], QUERY) == failure

    await tcp_upstream(lambda _query: framed(answer), use)
