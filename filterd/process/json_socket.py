"""One request line, one reply line over a unix socket: the only way filterd's processes talk to each other.

Invariants: a line is at most LINE_OCTETS; a request that cannot be read gets a reply that says so, and the connection
goes on; an exception of `answer` becomes a reply and a log line, never a dead server.  Both ends ask the kernel who is
at the other one: filterd.box.accounts says which account may ask what, and who may answer.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from filterd.box.accounts import may_ask, may_enter, name_of, peer_of, trusted
from filterd.process.codec import (
    FailureReply,
    Message,
    Requests,
    decode_message,
    decode_reply,
    encode_reply,
    encode_request,
)
from parental.store.errors import DatabaseFault

LINE_OCTETS = 1 << 20  # a status with every counter of 128 lists is below 64 KiB; ten times that and a round number

Answer = Callable[[Any], Awaitable[object]]  # a struct of the socket's Requests → its reply
T = TypeVar("T")

log = logging.getLogger("filterd.process.json_socket")


class NoAnswer(OSError):
    """The other end is missing, or does not follow the protocol."""


def cure_of(reason: NoAnswer) -> str:
    """What to do where control does not answer the person who runs a command."""
    is_forbidden = isinstance(reason.__cause__, PermissionError)
    return "run it as root, or as the account of control" if is_forbidden else "start filterd run"


async def serve(path: Path, door: str, requests: Requests, answer: Answer) -> asyncio.Server:
    """Listen at `path`, replacing a socket that a dead process left there.   door: a key of
    filterd.box.accounts.RULES"""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            uid = peer_of(writer.get_extra_info("socket"))
            if not may_enter(door, uid):
                writer.write(_refusal(path, "any request", uid))
                return
            while line := await _take_line(reader, writer):
                writer.write(await reply_to(line, requests, _answer_of(path, door, uid, answer)))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client left, or we are stopping: the reply has no reader
        finally:
            writer.close()

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(converse, str(path), limit=LINE_OCTETS)
    path.chmod(0o660)
    return server


async def ask(path: Path, role: str, request: Struct, kind: type[T], timeout_s: float = 5.0) -> T | FailureReply:
    """Send one request and wait for its reply, a `kind` or FailureReply.   role: who must be there.

    Raises NoAnswer."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=LINE_OCTETS)
            try:
                require_role(role, writer.get_extra_info("socket"))
                writer.write(encode_request(request))
                return decode_reply(await reader.readline(), kind)
            finally:
                writer.close()
    except TimeoutError as reason:
        raise NoAnswer(f"{path}: no reply within {timeout_s:g} s") from reason
    except (OSError, ValueError) as reason:
        raise NoAnswer(f"{path}: {reason}") from reason


def ask_blocking(path: Path, role: str, request: Struct | Message, timeout_s: float = 5.0) -> Message:
    """Do ask() without an event loop; the reply as it is, for a command that shows it.   Raises NoAnswer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            require_role(role, connection)
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
        return encode_reply(FailureReply(str(reason)))
    try:
        return encode_reply(await answer(request))
    except DatabaseFault as reason:
        log.error("answering %s: %s", type(request).__name__, reason)
        return encode_reply(FailureReply(str(reason)))
    except Exception as reason:  # the edge: one bad request must not end the service
        log.exception("answering %s", type(request).__name__)
        return encode_reply(FailureReply(f"{type(reason).__name__}: {reason}"))


def _answer_of(path: Path, door: str, uid: int, answer: Answer) -> Answer:
    """`answer`, for the requests of this account."""

    async def answer_if_allowed(request: Any) -> object:
        name = str(type(request).__struct_config__.tag)
        if may_ask(door, name, uid):
            return await answer(request)
        return FailureReply(_why_not(path, name, uid))

    return answer_if_allowed


def _refusal(path: Path, what: str, uid: int) -> bytes:
    return encode_reply(FailureReply(_why_not(path, what, uid)))


def _why_not(path: Path, what: str, uid: int) -> str:
    why = f"{path}: account {name_of(uid)} may not ask {what}; nothing done; docs/internals/roles.md says who may"
    log.warning("%s", why)
    return why


def require_role(role: str, connection: socket.socket) -> None:
    """Raise PermissionError where another account listens.   Root may ask anyone who is there."""
    uid = peer_of(connection)
    if os.geteuid() != 0 and uid not in trusted((role,)):
        raise PermissionError(
            f"account {name_of(uid)} listens there, not {role}'s; not asked; look at its folder's owner"
        )


async def _take_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next line; empty where the client has gone or sent too long a line."""
    try:
        return await reader.readline()
    except ValueError:
        why = f"request: a line of more than {LINE_OCTETS} octets; the connection is closed; send a shorter one"
        writer.write(encode_reply(FailureReply(why)))
        await writer.drain()
        return b""
