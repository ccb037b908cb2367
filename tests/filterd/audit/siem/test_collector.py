"""Connections with rsyslog, as Debian ships it, and with collectors that do what none should."""

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.system.certificates import make_certificate
from support.system.syslog_servers import Rsyslog, Wicked, has_rsyslog

from filterd.audit.siem import collector
from filterd.audit.siem.collector import Collector, CollectorFailure, context_of
from filterd.audit.siem.syslog import framed, message
from filterd.config.siem import Siem

needs_rsyslog = pytest.mark.skipif(not has_rsyslog, reason="rsyslog is not installed")
HANGS = r"nothing moves for 0\.5 s"
Treat = Callable[[ssl.SSLSocket, int], None]


def frames(n: int, begin: int = 0, pad: int = 0) -> bytes:
    def body(number: int) -> bytes:
        return b'{"n":%d,"pad":"%b"}' % (number, b"x" * pad)

    return b"".join(framed(message("2026-11-28T09:30:00Z", "gw1", "block", body(begin + at))) for at in range(n))


async def sent(server: str, context: ssl.SSLContext, octets: bytes) -> None:
    """One connection, to its end."""
    connection = await Collector.connected(server, context)
    try:
        await connection.send(octets)
        await connection.finish()
    finally:
        connection.close()


@contextmanager
def wicked(folder: Path, treat: Treat, name: str = "localhost") -> Iterator[tuple[Wicked, ssl.SSLContext]]:
    found = Wicked(folder, treat, name)
    yield found, context_of(Siem(ca=found.ca))
    found.close()


@needs_rsyslog
@pytest.mark.services
@pytest.mark.parametrize("driver", ["ossl", "gtls"])
async def test_what_a_finished_connection_has_sent_rsyslog_has_written(tmp_path: Path, driver: str) -> None:
    with Rsyslog(tmp_path, driver) as rsyslog:
        context = context_of(Siem(ca=rsyslog.ca))
        for number in range(5):
            await eventually_sent(rsyslog.server, context, frames(200, 200 * number, pad=700))
            assert [each["n"] for each in rsyslog.bodies()] == list(range(200 * (number + 1)))

    assert rsyslog.lines()[0].startswith("110 1 2026-11-28T09:30:00Z gw1 filterd block -{")


@needs_rsyslog
@pytest.mark.services
async def test_rsyslog_takes_a_message_of_the_largest_size_and_a_frame_that_comes_in_halves(tmp_path: Path) -> None:
    with Rsyslog(tmp_path) as rsyslog:
        context = context_of(Siem(ca=rsyslog.ca))
        octets = frames(1, pad=8100) + frames(1, 1)
        await eventually_sent(rsyslog.server, context, b"")
        connection = await Collector.connected(rsyslog.server, context)
        for octet in range(0, len(octets), 1000):
            await connection.send(octets[octet : octet + 1000])
        await connection.finish()
        connection.close()

    assert [each["n"] for each in rsyslog.bodies()] == [0, 1]


@needs_rsyslog
@pytest.mark.services
async def test_a_collector_that_wants_certificates_gets_ours_and_refuses_who_has_none(tmp_path: Path) -> None:
    own, key = make_certificate(tmp_path, "gw1.example")
    with Rsyslog(tmp_path / "there", clients="x509/certvalid") as rsyslog:
        (tmp_path / "both.pem").write_bytes(rsyslog.ca.read_bytes() + own.read_bytes())
        (tmp_path / "there/rsyslog.conf").write_text(
            (tmp_path / "there/rsyslog.conf")
            .read_text()
            .replace(f'CAFile="{rsyslog.ca}"', f'CAFile="{tmp_path}/both.pem"')
        )
        rsyslog.stop()
        rsyslog.start()
        ours = context_of(Siem(ca=rsyslog.ca, certificate=own, key=key))

        await eventually_sent(rsyslog.server, ours, frames(3))
        with pytest.raises(CollectorFailure):
            await sent(rsyslog.server, context_of(Siem(ca=rsyslog.ca)), frames(3, 100))

    assert [each["n"] for each in rsyslog.bodies()] == [0, 1, 2]


async def eventually_sent(server: str, context: ssl.SSLContext, octets: bytes) -> None:
    """As sent(), once somebody listens there."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await sent(server, context, octets)
            except CollectorFailure as reason:
                assert "refused" in str(reason).lower(), reason
                await asyncio.sleep(0.05)


def read_all(connection: ssl.SSLSocket, number: int) -> None:
    del number
    while connection.recv(65536):
        pass


async def test_a_collector_that_reads_to_the_end_and_closes_has_taken_it(tmp_path: Path) -> None:
    with wicked(tmp_path, read_all) as (there, context):
        await sent(there.server, context, frames(500, pad=500))

    assert there.n == 1


async def test_a_certificate_of_another_name_or_of_an_unknown_authority_is_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    got: list[bytes] = []

    def take(connection: ssl.SSLSocket, number: int) -> None:
        del number
        got.append(connection.recv(100))

    refused = "its certificate is refused: "
    with (
        wicked(tmp_path / "a", take, "other.test") as (there, context),
        pytest.raises(CollectorFailure, match=f"{refused}Hostname mismatch"),
    ):
        await sent(there.server, context, frames(1))
    with (
        wicked(tmp_path / "b", take) as (there, _),
        pytest.raises(CollectorFailure, match=f"{refused}self-signed certificate"),
    ):
        await sent(there.server, context_of(Siem()), frames(1))
    assert [octets for octets in got if octets] == []


def closes_at_once(connection: ssl.SSLSocket, number: int) -> None:
    """Its end, in order, before it has read anything."""
    del number
    connection.shutdown(socket.SHUT_WR)


def reads_half(connection: ssl.SSLSocket, number: int) -> None:
    del number
    connection.recv(100)


def resets(connection: ssl.SSLSocket, number: int) -> None:
    del number
    connection.recv(100)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("treat", [closes_at_once, reads_half, resets])
async def test_a_collector_that_closes_before_it_has_read_all_has_not_taken_it(tmp_path: Path, treat: Treat) -> None:
    with wicked(tmp_path, treat) as (there, context):
        for _ in range(5):
            with pytest.raises(CollectorFailure):
                await sent(there.server, context, frames(3000, pad=500))


async def test_a_collector_that_has_read_all_and_is_not_content_has_not_taken_it(tmp_path: Path) -> None:
    """As one that refuses our certificate: with TLS 1.3 its alert comes after the handshake."""

    def refuse(connection: ssl.SSLSocket, number: int) -> None:
        del number
        raw = socket.socket(fileno=connection.detach())
        while raw.recv(65536):
            pass
        raw.sendall(bytes.fromhex("1703030013") + bytes(19))  # a record that is none of this connection
        raw.close()

    with wicked(tmp_path, refuse) as (there, context), pytest.raises(CollectorFailure, match="TLS: "):
        await sent(there.server, context, frames(3))


async def test_a_collector_that_is_away_is_said_by_its_name(tmp_path: Path) -> None:
    make_certificate(tmp_path, "localhost")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(CollectorFailure, match=r"localhost:\d+: Connection refused"):
            await Collector.connected(f"localhost:{taken.getsockname()[1]}", context_of(Siem()))


@pytest.mark.parametrize("where", ["before the handshake", "while we send", "at the end"])
async def test_a_collector_that_hangs_ends_by_itself(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "TIMEOUT_S", 0.5)
    has_ended = threading.Event()

    def hang(connection: ssl.SSLSocket, number: int) -> None:
        del number
        if where == "at the end":
            while connection.recv(65536):
                pass
        has_ended.wait()

    if where == "before the handshake":
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(CollectorFailure, match=HANGS):
            await Collector.connected(f"localhost:{silent.getsockname()[1]}", context_of(Siem()))
        return
    with wicked(tmp_path, hang) as (there, context), pytest.raises(CollectorFailure, match=HANGS):
        try:
            await sent(there.server, context, frames(20_000 if where == "while we send" else 1, pad=700))
        finally:
            has_ended.set()


async def test_a_slow_collector_has_the_time_that_it_needs_as_long_as_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "TIMEOUT_S", 60.0)
    n = 0

    def slow(connection: ssl.SSLSocket, number: int) -> None:
        nonlocal n
        del number
        while octets := connection.recv(16_384):
            n += len(octets)
            time.sleep(0.002)

    octets = frames(5000, pad=500)
    with wicked(tmp_path, slow) as (there, context):
        await sent(there.server, context, octets)

    assert n == len(octets)


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")

    with pytest.raises(OSError):
        context_of(Siem(ca=tmp_path / "ca.pem"))
