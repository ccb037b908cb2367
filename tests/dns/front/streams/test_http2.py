import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from dnslib import RCODE, DNSRecord
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes
from support.dns.front import Serving
from support.images.opened import Images

from dns.base.endpoints import Endpoint
from dns.front.front import DnsFront
from dns.front.resolver_plan import Admission, ResolverPlan
from dns.front.streams.acceptor import StreamLimits
from dns.front.streams.server import StreamPlan
from fastpath.images.subscribers import device_address
from fastpath.images.verdict import Action, Mode
from fastpath.report.counters import read_counters

BLOCKED = (("orders", "n.test", Mode.SUBTREE, Action.NXDOMAIN), ("orders", "d.test", Mode.SUBTREE, Action.DROP))
QUERY_HEADERS = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "dns.test"),
    (":path", "/dns-query"),
    ("content-type", "application/dns-message"),
]


def query(name: str = "n.test") -> bytes:
    return bytes(DNSRecord.question(name).pack())


class Client:
    """A client of HTTP/2 that may misbehave."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="ascii"))
        self.h2.initiate_connection()
        self.status: dict[int, str] = {}
        self.bodies: dict[int, bytes] = {}
        self.order: list[int] = []
        self.resets: dict[int, int] = {}
        self.goodbye: int | None = None

    def post(self, body: bytes | None, is_last: bool = True, path: str = "/dns-query") -> int:
        """Send a request; its stream.   body: None: its head alone."""
        stream_id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, [(name, path if name == ":path" else value) for name, value in QUERY_HEADERS])
        if body is not None:
            self.h2.send_data(stream_id, body, end_stream=is_last)
        return stream_id

    def send(self) -> None:
        self.writer.write(self.h2.data_to_send())

    async def take(self, until: Callable[[], bool] = lambda: False) -> None:
        """Read until something is so, or the connection ends."""
        self.send()
        async with asyncio.timeout(60):
            while not until() and (octets := await self._read()):
                for event in self.h2.receive_data(octets):
                    self._note(event)
                self.send()

    async def _read(self) -> bytes:
        try:
            return await self.reader.read(65536)
        except ConnectionError:
            return b""

    async def answer_of(self, stream_id: int) -> DNSRecord:
        await self.take(lambda: stream_id in self.order)
        assert self.status[stream_id] == "200"
        return DNSRecord.parse(self.bodies[stream_id])

    def _note(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            # h2 types them as octets; header_encoding makes them text.
            headers = cast(list[tuple[str, str]], event.headers)
            self.status[event.stream_id] = dict(headers)[":status"]
        elif isinstance(event, DataReceived):
            self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.order.append(event.stream_id)
        elif isinstance(event, StreamReset):
            self.resets[event.stream_id] = int(event.error_code)
        elif isinstance(event, ConnectionTerminated):
            self.goodbye = int(event.error_code or 0)


ClientOf = Callable[[DnsFront], AbstractAsyncContextManager[Client]]


@pytest.fixture
def client_of(certificate: tuple[Path, Path]) -> ClientOf:
    @asynccontextmanager
    async def connected(front: DnsFront) -> AsyncIterator[Client]:
        context = ssl.create_default_context(cafile=certificate[0])
        context.set_alpn_protocols(["h2"])
        reader, writer = await asyncio.open_connection(*front.bound_https[0], ssl=context, server_hostname="dns.test")
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()

    return connected


def impatient(plan: StreamPlan, **limits: float) -> StreamPlan:
    assert plan.encryption is not None
    return replace(plan, encryption=replace(plan.encryption, limits=StreamLimits(**limits)))  # type: ignore[arg-type]


@asynccontextmanager
async def upstream(reply: Callable[[bytes], Awaitable[bytes]]) -> AsyncIterator[Endpoint]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = await reply(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))
        writer.write(len(answer).to_bytes(2, "big") + answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Endpoint(*server.sockets[0].getsockname())


async def test_a_hundred_streams_of_one_connection_are_all_answered(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front, client_of(front) as client:
        streams = [client.post(query(f"q{n}.n.test")) for n in range(100)]
        await client.take(lambda: len(client.order) == 100)

    assert sorted(client.order) == streams
    for n, stream_id in enumerate(streams):
        answer = DNSRecord.parse(client.bodies[stream_id])
        assert (str(answer.q.qname), answer.header.rcode) == (f"q{n}.n.test.", RCODE.NXDOMAIN)


async def test_a_slow_upstream_does_not_hold_up_a_later_query(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    released = asyncio.Event()

    async def slowly(asked: bytes) -> bytes:
        await released.wait()
        return bytes(DNSRecord.parse(asked).reply().pack())

    async with upstream(slowly) as behind, serving(BLOCKED, (behind,), encrypted) as front, client_of(front) as client:
        slow, fast = client.post(query("free.test")), client.post(query())
        await client.answer_of(fast)
        released.set()
        await client.answer_of(slow)

    assert client.order == [fast, slow]


async def test_only_so_many_queries_of_a_connection_wait_at_the_upstream(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    n_now = n_most = 0
    are_three = asyncio.Event()  # a busy machine may bring them one after the other

    async def counting(asked: bytes) -> bytes:
        nonlocal n_now, n_most
        n_now += 1
        n_most = max(n_most, n_now)
        if n_now == 3:
            are_three.set()
        await are_three.wait()
        await asyncio.sleep(0.01)
        n_now -= 1
        return bytes(DNSRecord.parse(asked).reply().pack())

    plan = impatient(encrypted, n_waiting=3)
    async with upstream(counting) as behind, serving((), (behind,), plan) as front, client_of(front) as client:
        for number in range(12):
            client.post(query(f"q{number}.test"))
        await client.take(lambda: len(client.order) == 12)

    assert n_most == 3


async def test_a_dead_upstream_is_servfail_with_status_200(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    dead = Endpoint("127.0.0.1", 1)
    async with serving((), (dead,), encrypted) as front, client_of(front) as client:
        answer = await client.answer_of(client.post(query("free.test")))

    assert answer.header.rcode == RCODE.SERVFAIL


async def test_a_dropped_name_resets_its_stream_alone(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front, client_of(front) as client:
        dropped = client.post(query("d.test"))
        await client.take(lambda: bool(client.resets))
        answer = await client.answer_of(client.post(query()))

    assert client.resets == {dropped: ErrorCodes.CANCEL}
    assert answer.header.rcode == RCODE.NXDOMAIN


async def test_a_body_may_come_in_pieces_between_those_of_others(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front, client_of(front) as client:
        body = query()
        streams = [client.post(body[:5], is_last=False) for _ in range(10)]
        client.send()
        await asyncio.sleep(0.02)
        for at, stream_id in enumerate(reversed(streams)):
            client.h2.send_data(stream_id, body[5:], end_stream=at % 2 == 0)
        for at, stream_id in enumerate(reversed(streams)):
            if at % 2:
                client.h2.end_stream(stream_id)
        await client.take(lambda: len(client.order) == 10)

    assert set(client.status.values()) == {"200"}


async def test_a_body_that_grows_too_long_is_refused_and_the_connection_goes_on(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf, images: Images
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front, client_of(front) as client:
        long = client.post(bytes(4000), is_last=False)
        client.h2.send_data(long, bytes(4000))
        await client.take(lambda: long in client.order)
        for _ in range(10):
            client.h2.send_data(long, bytes(4000))
        answer = await client.answer_of(client.post(query()))

    assert client.status[long] == "413" and answer.header.rcode == RCODE.NXDOMAIN
    assert read_counters(images.folder / "c-tcp")["dns_https_refused"] == 1


async def test_an_answer_waits_for_the_window_that_its_client_gives(
    serving: Serving, unbound: Endpoint, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    async with serving((), (unbound,), encrypted) as front, client_of(front) as client:
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 100})
        asked = DNSRecord.question("big.test", "TXT")
        stream_id = client.post(bytes(asked.pack()))
        answer = await client.answer_of(stream_id)

    assert len(answer.rr) == 1 and len(client.bodies[stream_id]) > 3000


@pytest.mark.parametrize("how", ["nothing", "half a head", "half a body", "pings", "a closed window", "silence"])
async def test_a_client_that_ends_no_request_is_let_go(
    serving: Serving, unbound: Endpoint, encrypted: StreamPlan, client_of: ClientOf, how: str
) -> None:
    plan = impatient(encrypted, idle_s=0.3)
    async with serving(BLOCKED, (unbound,), plan) as front, client_of(front) as client, asyncio.TaskGroup() as group:
        if how == "half a head":
            client.send()
            client.writer.write(b"\0\0\x10\1\0\0\0\0\1\x83")
        elif how == "half a body":
            client.post(query()[:5], is_last=False)
        elif how == "a closed window":
            client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
            client.post(query())

        async def ping() -> None:
            while client.goodbye is None:
                client.h2.ping(b"12345678")
                client.send()
                await asyncio.sleep(0.02)

        pinging = group.create_task(ping()) if how == "pings" else None
        if how == "silence":
            client.h2.clear_outbound_data_buffer()
        await client.take()
        if pinging:
            pinging.cancel()

    assert client.order == []
    assert client.goodbye == ErrorCodes.NO_ERROR


async def test_a_connection_lives_as_long_as_it_is_used(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    plan = impatient(encrypted, idle_s=3.0)
    async with serving(BLOCKED, plan=plan) as front, client_of(front) as client:
        for _ in range(14):  # longer than it may be idle; a busy machine has seconds for each pause
            await client.answer_of(client.post(query()))
            await asyncio.sleep(0.25)

    assert client.goodbye is None


async def test_a_client_that_waits_for_our_upstream_is_not_let_go(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    async def slowly(asked: bytes) -> bytes:
        await asyncio.sleep(3.0)
        return bytes(DNSRecord.parse(asked).reply().pack())

    plan = impatient(encrypted, idle_s=2.0)  # which a busy machine may need until the query is there
    async with upstream(slowly) as behind, serving((), (behind,), plan) as front, client_of(front) as client:
        answer = await client.answer_of(client.post(query("free.test")))

    assert answer.header.qr == 1


async def test_streams_reset_as_fast_as_opened_end_their_connection_and_no_other(
    serving: Serving, unbound: Endpoint, encrypted: StreamPlan, client_of: ClientOf, images: Images
) -> None:
    async with (
        serving(BLOCKED, (unbound,), encrypted) as front,
        client_of(front) as attacker,
        client_of(front) as client,
    ):
        for number in range(2000):
            stream_id = attacker.post(query(f"q{number}.test"))
            attacker.h2.reset_stream(stream_id)
        attacker.send()
        answer = await client.answer_of(client.post(query()))
        await attacker.take()

    assert (answer.header.rcode, attacker.goodbye) == (RCODE.NXDOMAIN, ErrorCodes.ENHANCE_YOUR_CALM)
    assert read_counters(images.folder / "c-tcp")["dns_streams_flooded"] == 1


async def test_a_client_may_cancel_every_fourth_query(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front, client_of(front) as client:
        for _ in range(100):
            for _ in range(3):
                await client.answer_of(client.post(query()))
            client.h2.reset_stream(client.post(query()))

        assert (await client.answer_of(client.post(query()))).header.rcode == RCODE.NXDOMAIN


@pytest.mark.parametrize("kind", ["pings", "windows", "settings", "half requests"])
async def test_frames_without_queries_end_the_connection(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf, kind: str
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front, client_of(front) as client:
        for _ in range(1000):
            if kind == "pings":
                client.h2.ping(bytes(8))
            elif kind == "windows":
                client.h2.increment_flow_control_window(1)
            elif kind == "settings":
                client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65535})
            else:
                client.h2.reset_stream(client.post(None))
        await client.take()

    assert client.goodbye == ErrorCodes.ENHANCE_YOUR_CALM


async def test_a_stranger_needs_a_devices_token(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf, images: Images
) -> None:
    device, elsewhere = "234567" + "a" * 20, ResolverPlan(admission=Admission(["192.0.2.0/24"]))
    people = (images.subscribers([(device_address(device), 7)]), None)
    async with serving(BLOCKED, plan=encrypted, people=people, resolver=elsewhere) as front:
        async with client_of(front) as client:
            known = await client.answer_of(client.post(query(), path=f"/dns-query/{device}"))
            again = await client.answer_of(client.post(query(), path=f"/dns-query/{device}"))
        said = []
        for path in ("/dns-query", f"/dns-query/{'2' * 26}"):
            async with client_of(front) as client:
                stream_id = client.post(query(), path=path)
                await client.take()  # until the connection is closed
                said.append((client.status[stream_id], client.goodbye))

    assert (known.header.rcode, again.header.rcode) == (RCODE.NXDOMAIN, RCODE.NXDOMAIN)
    assert said == [("403", ErrorCodes.NO_ERROR), ("404", ErrorCodes.NO_ERROR)]
    assert read_counters(images.folder / "c-tcp")["dns_streams_not_ours"] == 2


def head(*pairs: tuple[str, str]) -> list[tuple[str, str]]:
    return [*QUERY_HEADERS, *pairs]


async def test_huge_headers_end_the_connection(serving: Serving, encrypted: StreamPlan, client_of: ClientOf) -> None:
    async with serving(BLOCKED, plan=encrypted) as front, client_of(front) as client:
        client.h2.send_headers(1, head(*((f"x-{n}", "y" * 8000) for n in range(20))), end_stream=True)
        await client.take()

    assert client.goodbye == ErrorCodes.ENHANCE_YOUR_CALM


def frame(kind: int, flags: int, stream_id: int, body: bytes = b"", n: int | None = None) -> bytes:
    return struct.pack("!I", len(body) if n is None else n)[1:] + struct.pack("!BBI", kind, flags, stream_id) + body


@pytest.mark.parametrize(
    ("what", "octets"),
    [
        ("a frame of 16 MiB", frame(0, 0, 1, bytes(300_000), (1 << 24) - 1)),
        ("a head without an end", frame(1, 0, 1, b"\x83") + frame(9, 0, 1, bytes(16000)) * 30),
        ("data on a stream that is not open", frame(0, 0, 1, b"x")),
        ("an even stream", frame(1, 5, 2, b"\x83")),
        ("a bad index", frame(1, 5, 1, b"\xff\xff\xff\xff\x0f")),
        ("settings of three octets", frame(4, 0, 0, b"abc")),
        ("a window of nothing", frame(8, 0, 0, bytes(4))),
        ("a goodbye", frame(7, 0, 0, bytes(8))),
    ],
)
async def test_a_client_that_breaks_the_protocol_is_let_go_at_once(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf, what: str, octets: bytes
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front:
        async with client_of(front) as client:
            client.send()
            client.writer.write(octets)
            async with asyncio.timeout(60):
                while await client._read():
                    pass
        async with client_of(front) as client:
            assert (await client.answer_of(client.post(query()))).header.rcode == RCODE.NXDOMAIN


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nhost: dns.test\r\n\r\n", b"\0" * 30])
async def test_what_is_no_http2_is_told_so(
    serving: Serving, encrypted: StreamPlan, client_of: ClientOf, said: bytes
) -> None:
    async with serving(BLOCKED, plan=encrypted) as front, client_of(front) as client:
        client.writer.write(said)
        async with asyncio.timeout(60):
            assert (await client.reader.read()).startswith(b"HTTP/1.1 505 ")


async def test_answers_that_a_client_has_no_room_for_are_bounded(
    serving: Serving, unbound: Endpoint, encrypted: StreamPlan, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dns.front.streams.http2.MAX_UNSENT_OCTETS", 5000)
    async with serving((), (unbound,), encrypted) as front, client_of(front) as client:
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        streams = [client.post(bytes(DNSRecord.question("big.test", "TXT").pack())) for _ in range(3)]
        await client.take(lambda: len(client.resets) == 2)
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65535})
        await client.take(lambda: len(client.order) == 1)

    assert set(client.resets.values()) == {ErrorCodes.ENHANCE_YOUR_CALM}
    assert sorted([*client.resets, *client.order]) == streams
