"""One request line, one reply line, JSON, over a unix socket: the only way filterd's processes talk.

Invariants: a line is at most LINE_OCTETS; a request that is no JSON object gets a reply that says so, and the
connection goes on; whatever `answer` raises becomes a reply and a log line, never a dead server.  The socket's mode is
0660: its directory says who may come.
"""

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

LINE_OCTETS = 1 << 20  # a status with every counter of 128 lists is below 64 KiB; ten times that and a round number

Message = dict[str, Any]
Answer = Callable[[Message], Awaitable[Message]]

log = logging.getLogger("filterd.process.json_socket")


class NoAnswer(OSError):
    """The other end is not there, or does not speak as agreed."""


async def serve(path: Path, answer: Answer) -> asyncio.Server:
    """Listen at `path`, taking the place of a socket that a dead process left there."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await _take_line(reader, writer):
                writer.write(_line(await _reply(line, answer)))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the asker left, or we are stopping: nobody waits for this reply
        finally:
            writer.close()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(converse, str(path), limit=LINE_OCTETS)
    path.chmod(0o660)
    return server


async def ask(path: Path, request: Message, timeout_s: float = 5.0) -> Message:
    """Send one request and wait for its reply.   Raises NoAnswer."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=LINE_OCTETS)
            try:
                writer.write(_line(request))
                return _parsed(await reader.readline())
            finally:
                writer.close()
    except TimeoutError as reason:
        raise NoAnswer(f"{path}: no reply within {timeout_s:g} s") from reason
    except (OSError, ValueError) as reason:
        raise NoAnswer(f"{path}: {reason}") from reason


def ask_blocking(path: Path, request: Message, timeout_s: float = 5.0) -> Message:
    """`ask` for a command without an event loop.   Raises NoAnswer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(_line(request))
            with connection.makefile("rb") as file:
                return _parsed(file.readline(LINE_OCTETS))
    except (OSError, ValueError) as reason:
        raise NoAnswer(f"{path}: {reason}") from reason


async def _take_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next line, or nothing where the asker has gone or sent too long a line."""
    try:
        return await reader.readline()
    except ValueError:
        writer.write(_line({"ok": False, "error": f"a line of more than {LINE_OCTETS} octets"}))
        await writer.drain()
        return b""


async def _reply(line: bytes, answer: Answer) -> Message:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return {"ok": False, "error": "the line is no JSON"}
    if not isinstance(request, dict):
        return {"ok": False, "error": "the line is no JSON object"}
    try:
        return await answer(request)
    except Exception as reason:  # the edge: one bad request must not end the service
        log.exception("answering %r", request.get("op"))
        return {"ok": False, "error": f"{type(reason).__name__}: {reason}"}


def _line(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> Message:
    """The reply in a line.   Raises ValueError."""
    if not line.endswith(b"\n"):
        raise ValueError("the connection ended before a whole reply")
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError) as reason:
        raise ValueError("the reply is no JSON") from reason
    if not isinstance(reply, dict):
        raise ValueError("the reply is no JSON object")
    return reply
