"""Sends the first octets of a connection to the sink, and sees whether they arrive.

What goes there lives for so many hops that it reaches a sink right behind the gateway and no further.  So if a
connection stands and its first octets do not arrive, the gateway has stopped them: there is nothing else between.
Invariants: "arrived" is said only of octets whose digest the sink has returned.
Source: ip(7), IP_TTL; ipv6(7), IPV6_UNICAST_HOPS.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

from filterd.commands.verifier.hellos import client_hello, http_request, quic_initials
from filterd.commands.verifier.questions import HTTP, QUIC
from filterd.commands.verifier.seen import ARRIVED, NO_PATH, PAGE, PROHIBITED, RESET, SILENCE, Observation
from filterd.commands.verifier.sink import GREETING, token_of

CONNECT_S, ANSWER_S = 3.0, 2.0
QUIC_SENDS_S = (0.0, 0.3, 0.7)  # as a client does that hears nothing
QUIC_ANSWER_S = 1.5


class Hello(NamedTuple):
    """A question to the sink.   at  see filterd.commands.verifier.questions"""

    at: int
    channel: str
    name: str
    target: str


async def ask(hello: Hello, sink: tuple[str, int], hops: int) -> Observation:
    """Try it; once more where nothing comes back."""
    if hello.channel == QUIC:
        return await _ask_quic(hello, sink, hops)
    octets = http_request(hello.name, hello.target) if hello.channel == HTTP else client_hello(hello.name)
    seen = await _ask_stream(hello.at, octets, sink, hops)
    if seen.kind in (SILENCE, NO_PATH):
        seen = await _ask_stream(hello.at, octets, sink, hops)
    return seen


async def _ask_stream(at: int, octets: bytes, sink: tuple[str, int], hops: int) -> Observation:
    loop = asyncio.get_running_loop()
    with _socket(sink[0], socket.SOCK_STREAM, hops) as own:
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.sock_connect(own, sink)
        except (OSError, TimeoutError) as reason:
            return Observation(at, NO_PATH, _now(), said=str(reason) or "no answer")
        try:
            async with asyncio.timeout(ANSWER_S):
                await loop.sock_sendall(own, octets)
                return _read(at, await _whole(own), octets)
        except TimeoutError:
            return Observation(at, SILENCE, _now())
        except OSError as reason:
            return Observation(at, RESET, _now(), said=reason.strerror or "")


async def _whole(own: socket.socket) -> bytes:
    """What comes, until its first line is there or the other end has ended."""
    octets = b""
    while b"\n" not in octets:
        more = await asyncio.get_running_loop().sock_recv(own, 4096)
        if not more:
            break
        octets += more
    return octets


def _read(at: int, answer: bytes, sent: bytes) -> Observation:
    if answer.startswith(token_of(sent)):
        return Observation(at, ARRIVED, _now())
    line = answer.split(b"\n", 1)[0].split()
    if line and line[0].startswith(b"HTTP/") and len(line) > 1 and line[1].isdigit():
        return Observation(at, PAGE, _now(), status=int(line[1]))
    return Observation(at, RESET, _now(), said="ended without an answer" if not answer else "another answer")


async def _ask_quic(hello: Hello, sink: tuple[str, int], hops: int) -> Observation:
    """The Initials arrive when each of their datagrams does."""
    datagrams = quic_initials(hello.name)
    with _socket(sink[0], socket.SOCK_DGRAM, hops) as own:
        own.connect(sink)
        heard = asyncio.ensure_future(_hear(own, {token_of(each) for each in datagrams}))  # noqa: TID251
        try:
            return await _send_until(hello.at, own, datagrams, heard)
        finally:
            heard.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await heard


async def _send_until(
    at: int, own: socket.socket, datagrams: Sequence[bytes], heard: "asyncio.Future[None]"
) -> Observation:
    began = time.monotonic()
    for wait_s in (*QUIC_SENDS_S, QUIC_ANSWER_S):
        done, _ = await asyncio.wait([heard], timeout=max(0.0, began + wait_s - time.monotonic()))
        if done:
            reason = heard.exception()
            return Observation(at, ARRIVED if reason is None else PROHIBITED, _now(), said=str(reason or ""))
        if wait_s != QUIC_ANSWER_S:
            for each in datagrams:
                with contextlib.suppress(OSError):  # what ICMP has said of the one before: _hear() reads it
                    own.send(each)
    return Observation(at, SILENCE, _now())


async def _hear(own: socket.socket, wanted: set[bytes]) -> None:
    """Until all of it has come.   Raises OSError: ICMP says that it cannot."""
    while wanted:
        octets = await asyncio.get_running_loop().sock_recv(own, 2048)
        if octets.startswith(GREETING):
            wanted.discard(octets)


def _socket(address: str, kind: socket.SocketKind, hops: int) -> socket.socket:
    is_six = ":" in address
    own = socket.socket(socket.AF_INET6 if is_six else socket.AF_INET, kind)
    own.setblocking(False)
    if hops:
        level, option = (
            (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if is_six else (socket.IPPROTO_IP, socket.IP_TTL)
        )
        own.setsockopt(level, option, hops)
    return own


def _now() -> int:
    return int(time.time() * 1000)
