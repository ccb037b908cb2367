"""DNS over HTTP/2 connections: frames by h2, requests by dns.front.streams.doh, answers by AnswerPath.

    octets → h2 → concurrent requests, within the limit → answers in any order → octets

Invariants: a connection that does not complete a request within `idle_s` is closed (slow headers, a slow body, pings, a
window that never opens); streams, octets of a request, queries at the upstream, octets
without a frame, frames without a query and unsent answers are bounded; a stream that its client has reset gets nothing
more, and counts until its query is answered; other connections have their turn after every read, and between the
queries of one.
Absent on purpose: HTTP/1.1, trailers, push, priorities.
Cost: 0.2 ms a query, nearly all of it h2; over TLS alone it is 0.03 ms.
Source: RFC 9113 (§5.1.2 streams, §6.9 flow control, §10.5 denial of service), RFC 8484 §5.2.
"""

import asyncio
import contextlib
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from dns.front.streams.acceptor import Connection, StreamLimits
from dns.front.streams.answer_path import AnswerPath
from dns.front.streams.device_tokens import Tokens
from dns.front.streams.doh import (
    DohQuery,
    DohRefusal,
    Headers,
    Request,
    answer_headers,
    check_head,
    check_length,
    read_request,
    refusal,
    request_of,
)

# Of one connection, before the others have their turn: a query or two.  h2 takes up to 2 ms for what is packed in it.
READ_OCTETS: Final = 512
EVENTS_A_TURN: Final = 16
# A query may come with so many frames, about: its head and body, a window update or two for the answer.  What is more
# adds up, and a reset counts as many: clients cancel a query now and then (RFC 9113 §10.5).
FRAMES_OF_QUERY: Final = 8
FRAMES_OF_RESET: Final = 16
MAX_IDLE_FRAMES: Final = 256
# The longest frame and its head block are a quarter of it; h2 holds what a frame announces until it is whole.
MAX_SILENT_OCTETS: Final = 131072
# What goes out is ours, and right: checking it again would take a third of all the time.
_SERVER: Final = H2Configuration(client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False)
# Four of the largest answers, or a hundred usual ones: what its client's windows have no room for.
MAX_UNSENT_OCTETS: Final = 1 << 18
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SPEAK_HTTP2: Final = b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class HttpStream:
    """Serves connections of DNS over HTTPS."""

    def __init__(self, path: AnswerPath, limits: StreamLimits, tokens: Tokens) -> None:
        self._path = path
        self._limits = limits
        self._tokens = tokens

    async def converse(self, connection: Connection) -> None:
        """Read and answer until the client closes, idles or breaks the protocol."""
        try:
            async with asyncio.TaskGroup() as group:
                await _Conversation(connection, self._path, self._limits, self._tokens, group).run()
        except* OSError:  # a reset, or a client that reads nothing: no one is left to tell
            connection.writer.transport.abort()


class _Conversation:
    def __init__(
        self, connection: Connection, path: AnswerPath, limits: StreamLimits, tokens: Tokens, group: asyncio.TaskGroup
    ) -> None:
        self._connection = connection
        self._path = path
        self._limits = limits
        self._tokens = tokens
        self._group = group
        self._h2 = H2Connection(_SERVER)
        self._room = asyncio.Semaphore(limits.n_waiting)
        self._requests: dict[int, tuple[Request, bytearray]] = {}
        self._unsent: dict[int, bytes] = {}
        self._n_waiting = 0
        self._n_idle_frames = 0
        self._goodbye: ErrorCodes | None = None  # why the connection is to end
        self._progress_at = asyncio.get_running_loop().time()

    async def run(self) -> None:
        self._h2.initiate_connection()  # sent once the client has spoken: until then it may be one of HTTP/1.1
        n_silent, is_new = 0, True
        while octets := await self._read():
            if is_new and not _PREFACE.startswith(octets[: len(_PREFACE)]):
                self._connection.writer.write(_SPEAK_HTTP2)
                return
            is_new = False
            try:
                events = self._h2.receive_data(octets)
            except ProtocolError:
                await self._flush()  # h2 has written why
                return
            n_silent = 0 if events else n_silent + len(octets)
            if n_silent > MAX_SILENT_OCTETS:
                self._note_flood()
            elif not await self._take_all(events):
                break
            self._send_unsent()
            await self._flush()
            if self._goodbye is not None:
                break
            await self._connection.pause()  # reading does not wait where octets are there
        self._h2.close_connection(self._goodbye or ErrorCodes.NO_ERROR)
        await self._flush()

    async def _read(self) -> bytes:
        """Read the next octets; empty when the client has left or makes no progress."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout_at(self._progress_at + self._limits.idle_s):
                    return await self._connection.reader.read(READ_OCTETS)
            except TimeoutError:
                if not self._n_waiting:
                    return b""
                self._progress_at = loop.time()  # it waits for us, not we for it

    async def _take_all(self, events: list[Event]) -> bool:
        """Handle events; return whether the connection continues."""
        for number, event in enumerate(events, 1):
            if self._is_flood(event):
                self._note_flood()
                return False
            if not number % EVENTS_A_TURN:
                await self._connection.pause()
            if isinstance(event, RequestReceived):
                self._begin(event)
            elif isinstance(event, DataReceived):
                self._add(event)
            elif isinstance(event, StreamReset):
                self._forget(event.stream_id)
            elif isinstance(event, ConnectionTerminated):
                return False
            elif isinstance(event, StreamEnded) and event.stream_id in self._requests:
                await self._answer(event.stream_id, *self._requests.pop(event.stream_id))
        return True

    def _is_flood(self, event: Event) -> bool:
        """Count a frame; whether there were too many for so few queries."""
        self._n_idle_frames += FRAMES_OF_RESET if isinstance(event, StreamReset) else 1
        if isinstance(event, StreamEnded) and event.stream_id in self._requests:
            self._n_idle_frames = max(0, self._n_idle_frames - FRAMES_OF_QUERY)
        return self._n_idle_frames > MAX_IDLE_FRAMES

    def _note_flood(self) -> None:
        self._path.counters.add("dns_streams_flooded")
        self._goodbye = ErrorCodes.ENHANCE_YOUR_CALM

    def _begin(self, event: RequestReceived) -> None:
        request = request_of(event.headers)
        try:
            check_head(request)
        except DohRefusal as refused:
            self._refuse(event.stream_id, refused)
        else:
            self._requests[event.stream_id] = (request, bytearray())

    def _add(self, event: DataReceived) -> None:
        with contextlib.suppress(ProtocolError):  # the stream has ended meanwhile
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if event.stream_id not in self._requests:
            return
        body = self._requests[event.stream_id][1]
        body += event.data
        try:
            check_length(len(body))
        except DohRefusal as refused:
            del self._requests[event.stream_id]
            self._refuse(event.stream_id, refused)

    def _forget(self, stream_id: int) -> None:
        self._requests.pop(stream_id, None)
        self._unsent.pop(stream_id, None)

    async def _answer(self, stream_id: int, request: Request, body: bytearray) -> None:
        """Answer a whole request, at once or when the upstream answers."""
        self._progress_at = asyncio.get_running_loop().time()
        self._connection.use()
        try:
            asked = read_request(request, bytes(body))
            client = self._judged_as(asked)
        except DohRefusal as refused:
            self._refuse(stream_id, refused)
            return
        self._path.counters.add("dns_https_queries")
        answer = self._path.decide(asked.query, client, is_encrypted=True)
        if answer is None:
            await self._flush()
            await self._room.acquire()
            self._n_waiting += 1
            self._group.create_task(self._forward(stream_id, asked.query, client))
        else:
            self._respond(stream_id, answer)

    def _judged_as(self, asked: DohQuery) -> str:
        """The address whose policy applies to a query.   Raises DohRefusal."""
        if asked.token is None:
            if self._connection.is_stranger:
                raise DohRefusal(403, "a client from elsewhere; not answered; ask at the path with your device's token")
            return self._connection.client
        address = self._tokens.address_of(asked.token)
        if address is None:
            raise DohRefusal(404, "no device has this token; not answered; use the token created for the device")
        return address

    async def _forward(self, stream_id: int, query: bytes, client: str) -> None:
        try:
            self._respond(stream_id, await self._path.forward(query, client, is_encrypted=True))
        finally:
            self._n_waiting -= 1
            self._room.release()
        await self._flush()

    def _respond(self, stream_id: int, answer: bytes) -> None:
        """Send an answer; an empty one resets its stream only."""
        if answer:
            self._send(stream_id, answer_headers(answer), answer)
            return
        self._reset(stream_id, ErrorCodes.CANCEL)

    def _refuse(self, stream_id: int, refused: DohRefusal) -> None:
        self._path.counters.add("dns_https_refused")
        if self._connection.is_stranger:  # without a token that is known it has nothing to ask here
            self._path.counters.add("dns_streams_not_ours")
            self._goodbye = ErrorCodes.NO_ERROR
        self._send(stream_id, *refusal(refused))

    def _send(self, stream_id: int, headers: Headers, body: bytes) -> None:
        try:
            self._h2.send_headers(stream_id, headers)
        except ProtocolError:  # its client has reset the stream, or the connection is over
            return
        self._unsent[stream_id] = body
        self._send_unsent()
        if sum(map(len, self._unsent.values())) > MAX_UNSENT_OCTETS:
            self._reset(stream_id, ErrorCodes.ENHANCE_YOUR_CALM)

    def _reset(self, stream_id: int, why: ErrorCodes) -> None:
        self._forget(stream_id)
        with contextlib.suppress(ProtocolError):  # the client was faster
            self._h2.reset_stream(stream_id, why)

    def _send_unsent(self) -> None:
        """Send as much as the flow-control windows allow."""
        for stream_id, body in list(self._unsent.items()):
            try:
                while body and (n := self._n_sendable(stream_id)):
                    self._h2.send_data(stream_id, body[:n], end_stream=n >= len(body))
                    body = body[n:]
            except ProtocolError:
                body = b""
            self._unsent[stream_id] = body
            if not body:
                del self._unsent[stream_id]

    def _n_sendable(self, stream_id: int) -> int:
        return min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)

    async def _flush(self) -> None:
        writer = self._connection.writer
        if octets := self._h2.data_to_send():
            writer.write(octets)
            async with asyncio.timeout(self._limits.idle_s):
                await writer.drain()
