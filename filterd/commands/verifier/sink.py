"""The sink: it answers what reaches it with a digest of it, so that the probe knows that its octets came through.

    SinkPlan → namespace → sockets → nothing else any more → "ready" → answers until its input ends

Invariants: it has no file, no capability and no account with rights; an answer is shorter than what it answers; a
client that is slow or sends much is dropped.
"""

import asyncio
import contextlib
import hashlib
import socket
import sys
from functools import partial

import msgspec

from filterd.commands.verifier.namespace import enter, give_up

MAX_CLIENTS = 512
MAX_OCTETS = 16 << 10  # a ClientHello is a record
PATIENCE_S = 5.0
TLS_HEAD = 5  # RFC 8446 §5.1: type, version, length
GREETING = b"filterd-sink "


class SinkPlan(msgspec.Struct):
    """Where it answers.   addresses  its own, of one or both versions of IP"""

    namespace: str
    addresses: list[str]
    tls_ports: list[int]
    http_ports: list[int]


def token_of(octets: bytes) -> bytes:
    """What the sink answers to these octets."""
    return GREETING + hashlib.sha256(octets).hexdigest()[:32].encode() + b"\n"


def main() -> None:
    """The process.   Its one argument is a SinkPlan."""
    plan = msgspec.json.decode(sys.argv[1], type=SinkPlan)
    enter(plan.namespace)
    streams = [(_listening(each, port), True) for each in plan.addresses for port in plan.tls_ports]
    streams += [(_listening(each, port), False) for each in plan.addresses for port in plan.http_ports]
    datagrams = [_bound(each, port, socket.SOCK_DGRAM) for each in plan.addresses for port in plan.tls_ports]
    give_up()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(streams, datagrams))


async def _serve(streams: list[tuple[socket.socket, bool]], datagrams: list[socket.socket]) -> None:
    gate = asyncio.Semaphore(MAX_CLIENTS)
    loop = asyncio.get_running_loop()
    servers = [
        await asyncio.start_server(partial(_answer, gate, is_tls), sock=each, limit=MAX_OCTETS)
        for each, is_tls in streams
    ]
    for each in datagrams:
        loop.add_reader(each, _answer_datagrams, each)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)  # the one who started it has gone, or says that it is done
    print("ready", flush=True)
    await ended.wait()
    for server in servers:
        server.close()


async def _answer(
    gate: asyncio.Semaphore, is_tls: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async with gate:
        try:
            async with asyncio.timeout(PATIENCE_S):
                octets = await (_record(reader) if is_tls else reader.readuntil(b"\r\n\r\n"))
                writer.write(token_of(octets))
                await writer.drain()
                writer.write_eof()
                await reader.read(1)  # the client ends first: its port is free at once, and ours not
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass  # it was blocked, or is no client of ours
        finally:
            writer.close()


async def _record(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(TLS_HEAD)
    return head + await reader.readexactly(min(int.from_bytes(head[3:]), MAX_OCTETS))


def _answer_datagrams(own: socket.socket) -> None:
    with contextlib.suppress(OSError):  # none is left, or its sender is not reached
        while True:
            octets, client = own.recvfrom(2048)
            if len(octets) > 2 * len(token_of(b"")):
                own.sendto(token_of(octets), client)


def _listening(address: str, port: int) -> socket.socket:
    own = _bound(address, port, socket.SOCK_STREAM)
    own.listen(MAX_CLIENTS)
    return own


def _bound(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    own = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in address:
        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    own.setblocking(False)
    own.bind((address, port))
    return own


if __name__ == "__main__":
    main()
