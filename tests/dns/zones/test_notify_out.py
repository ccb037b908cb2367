import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from support.images.opened import Entry, Images

from dns.base.endpoints import Endpoint
from dns.base.message import Question, read_message, read_soa
from dns.base.wire_format import AA, NOERROR, NOTIFY, OPCODE_SHIFT, QR, REFUSED, SOA
from dns.zones.notify_out import notify_of_editions
from dns.zones.rpz_edition import Plan
from dns.zones.served_zone import Rights, ServedZone
from dns.zones.tsig import Key, check_query
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

NAME = to_wire(b"rpz.example")
KEY = Key(to_wire(b"key"), "hmac-sha256", bytes(range(32)))


class Secondary:
    """What a secondary hears; it answers as it is told to."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(("127.0.0.1", 0))
        self.endpoint = Endpoint(*self._socket.getsockname())

    async def hear(self) -> tuple[bytes, tuple[str, int]]:
        async with asyncio.timeout(60):
            return await asyncio.get_running_loop().sock_recvfrom(self._socket, 4096)

    def answer(self, octets: bytes, to: tuple[str, int]) -> None:
        self._socket.sendto(octets, to)

    def forget(self) -> None:
        """Throw away what has come."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(4096)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dns.zones.notify_out.WAITS_S", (0.2, 0.2, 0.2))
    monkeypatch.setattr("dns.zones.notify_out.REMIND_S", 30.0)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is told again only after silence has time to answer, on a busy machine, too."""
    monkeypatch.setattr("dns.zones.notify_out.WAITS_S", (0.2, 2.0, 2.0))


Told = tuple[Secondary, Callable[..., None]]


@asynccontextmanager
async def telling(images: Images, key: Key | None = None, source: str | None = None) -> AsyncIterator[Told]:
    """A secondary, and `edition(names…)`, which makes the next edition of the zone that it is told of."""
    secondary = Secondary()
    zone = ServedZone(Plan(NAME, ("malware",)), Rights((), key), [secondary.endpoint])

    def edition(*names: str) -> None:
        entries: list[Entry] = [("malware", name, Mode.EXACT) for name in names]
        zone.take(*zone.prepare(TableSet(images.names(entries))))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(notify_of_editions(zone, secondary.endpoint, source))
        yield secondary, edition
        task.cancel()
    secondary.close()


def agreed(octets: bytes, rcode: int = NOERROR) -> bytes:
    flags = int.from_bytes(octets[2:4], "big") | QR | rcode
    return octets[:2] + flags.to_bytes(2, "big") + octets[4:]


def serial(octets: bytes) -> int:
    return read_soa(read_message(octets).answers[0]).serial


async def until_told(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(60):
        while words not in caplog.text:  # noqa: ASYNC110  a log wakes nobody
            await asyncio.sleep(0.02)


async def nothing_comes(secondary: Secondary, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await secondary.hear()
            return False
    return True


async def test_a_new_edition_is_told_with_its_soa(images: Images) -> None:
    async with telling(images) as (secondary, edition):
        edition("a.test")
        octets, _ = await secondary.hear()

    message = read_message(octets)
    assert message.flags == NOTIFY << OPCODE_SHIFT | AA
    assert message.questions == [Question(NAME, SOA)]
    assert [(record.owner, record.rtype) for record in message.answers] == [(NAME, SOA)]
    assert serial(octets) == 1


async def test_where_the_zone_has_a_key_what_is_told_is_signed(images: Images) -> None:

    async with telling(images, KEY) as (secondary, edition):
        edition("a.test")
        octets, _ = await secondary.hear()

    assert check_query(octets, {KEY.name: KEY}, int(time.time())).key == KEY


async def test_it_comes_from_the_address_that_is_the_primarys(images: Images) -> None:
    async with telling(images, source="127.0.0.9") as (secondary, edition):
        edition("a.test")
        _, peer = await secondary.hear()

    assert peer[0] == "127.0.0.9"


async def test_a_secondary_that_is_silent_is_told_again_until_it_has_heard(images: Images, unhurried: None) -> None:
    del unhurried
    async with telling(images) as (secondary, edition):
        edition("a.test")
        await secondary.hear()
        octets, peer = await secondary.hear()
        secondary.answer(agreed(octets), peer)

        assert await nothing_comes(secondary, 2.5)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda octets: b"\0\0" + octets[2:],
        lambda octets: octets,
        lambda octets: octets[:11],
        lambda octets: octets[:2] + b"\x80\0" + octets[4:],
    ],
    ids=["another id", "no answer", "cut", "another opcode"],
)
async def test_what_is_no_answer_to_it_counts_for_nothing(images: Images, spoil: Callable[[bytes], bytes]) -> None:
    async with telling(images) as (secondary, edition):
        edition("a.test")
        octets, peer = await secondary.hear()
        secondary.answer(spoil(octets), peer)

        assert serial((await secondary.hear())[0]) == 1


async def test_who_refuses_is_told_no_more_and_that_is_said(images: Images, caplog: pytest.LogCaptureFixture) -> None:
    async with telling(images) as (secondary, edition):
        edition("a.test")
        octets, peer = await secondary.hear()
        secondary.answer(agreed(octets, REFUSED), peer)
        await until_told(caplog, "it answers REFUSED")
        secondary.forget()  # what it was told before its answer was read

        assert await nothing_comes(secondary, 0.5)
        assert f"zone rpz.example: NOTIFY to {secondary.endpoint}: it answers REFUSED" in caplog.text


async def test_who_never_answers_is_given_up_until_the_next_edition(
    images: Images,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with telling(images) as (secondary, edition):
        edition("a.test")
        for _ in range(3):
            await secondary.hear()
        await until_told(caplog, "no answer to 3 of them")
        assert await nothing_comes(secondary, 0.5)

        edition("b.test")
        assert serial((await secondary.hear())[0]) == 2


async def test_nobody_listening_is_silence_not_an_end(images: Images, caplog: pytest.LogCaptureFixture) -> None:
    async with telling(images) as (secondary, edition):
        secondary.close()
        edition("a.test")
        await until_told(caplog, "no answer to 3 of them")


async def test_of_editions_that_came_meanwhile_the_newest_is_told(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dns.zones.notify_out.WAITS_S", (60.0,))  # what is told next follows from the answer alone
    async with telling(images) as (secondary, edition):
        edition("a.test")
        octets, peer = await secondary.hear()
        edition("b.test")
        edition("c.test")
        secondary.answer(agreed(octets), peer)

        assert serial((await secondary.hear())[0]) == 3


async def test_who_has_heard_is_reminded_once(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dns.zones.notify_out.REMIND_S", 0.2)
    monkeypatch.setattr("dns.zones.notify_out.WAITS_S", (2.0, 2.0, 2.0))  # for each answer, on a busy machine, too
    async with telling(images) as (secondary, edition):
        edition("a.test")
        for _ in range(2):
            octets, peer = await secondary.hear()
            secondary.answer(agreed(octets), peer)

        assert await nothing_comes(secondary, 2.5)
