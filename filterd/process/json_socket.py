"""One request line, one reply line over a unix socket: the only way filterd's processes talk to each other.

Invariants: a line is at most LINE_OCTETS; a request that cannot be read gets a reply that says so, and the connection
goes on; an exception of `answer` becomes a reply and a log line, never a dead server.  The socket's mode is 0660: its
directory decides who may connect.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from filterd.process.codec import (
    Failed,
    Message,
    Requests,
    decode_message,
    decode_reply,
    encode_reply,
    encode_request,
)

LINE_OCTETS = 1 << 20  # a status with every counter of 128 lists is below 64 KiB; ten times that and a round number

Answer = Callable[[Any], Awaitable[object]]  # a struct of the socket's Requests → its reply
T = TypeVar("T")

log = logging.getLogger("filterd.process.json_socket")


class NoAnswer(OSError):
    """The other end is not there, or does not follow the protocol."""


async def serve(path: Path, requests: Requests, answer: Answer) -> asyncio.Server:
    """Listen at `path`, replacing a socket that a dead process left there."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await _take_line(reader, writer):
                writer.write(await reply_to(line, requests, answer))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client left, or we are stopping: the reply has no reader
        finally:
            writer.close()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(converse, str(path), limit=LINE_OCTETS)
    path.chmod(0o660)
    return server


async def ask(path: Path, request: Struct, kind: type[T], timeout_s: float = 5.0) -> T | Failed:
    """Send one request and wait for its reply, a `kind` or Failed.   Raises NoAnswer."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=LINE_OCTETS)
            try:
                writer.write(encode_request(request))
                return decode_reply(await reader.readline(), kind)
            finally:
                writer.close()
    except TimeoutError as reason:
        raise NoAnswer(f"{path}: no reply within {timeout_s:g} s") from reason
    except (OSError, ValueError) as reason:
        raise NoAnswer(f"{path}: {reason}") from reason


def ask_blocking(path: Path, request: Struct | Message, timeout_s: float = 5.0) -> Message:
    """Send one request without an event loop; the reply as it is, for a command that shows it.   Raises NoAnswer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(encode_request(request))
            with connection.makefile("rb") as file:
                return decode_message(file.readline(LINE_OCTETS))
    except (OSError, ValueError) as reason:
        raise NoAnswer(f"{path}: {reason}") from reason


async def reply_to(line: bytes, requests: Requests, answer: Answer) -> bytes:
    """The reply line to a request line."""
    try:
        request = requests.decode(line)
    except ValueError as reason:
        return encode_reply(Failed(str(reason)))
    try:
        return encode_reply(await answer(request))
    except Exception as reason:  # the edge: one bad request must not end the service
        log.exception("answering %s", type(request).__name__)
        return encode_reply(Failed(f"{type(reason).__name__}: {reason}"))


async def _take_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next line; empty where the client has gone or sent too long a line."""
    try:
        return await reader.readline()
    except ValueError:
        why = f"request: a line of more than {LINE_OCTETS} octets; the connection is closed; send a shorter one"
        writer.write(encode_reply(Failed(why)))
        await writer.drain()
        return b""
