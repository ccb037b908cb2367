"""What is seen of a connection to the sink."""

import asyncio

import pytest
from support.system.ports import free_port

from filterd.commands.verifier.packet_client import Hello, ask


@pytest.mark.services
async def test_a_connection_that_is_never_answered_is_silent() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", free_port())
    async with server:
        seen = await ask(Hello(3, "tls", "bad.example", "/"), server.sockets[0].getsockname(), 2)
    assert (seen.at, seen.kind) == (3, "silence")
