"""The service in one process: requests in, table, journal and images out; control is away or a stand-in."""

import os
import time
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest
from support.sessions.requests import INTERIM, ON, SECRET, START, STOP, told
from support.sessions.waiting import running, until

from fastpath.images.tables import TableSet
from fastpath.people.session_levels import open_sessions
from filterd.box.places import SESSIONS_MANIFEST
from filterd.config.radius import Nas, NasPlace
from filterd.process.codec import FailureReply
from filterd.radius.identities import Identities
from filterd.radius.images import SessionImages
from filterd.radius.inbox import Inbox
from filterd.radius.journal import Journal, read_back
from filterd.radius.messages import (
    AskHolder,
    AskPlaces,
    AskSessions,
    SessionHolder,
    SessionPlace,
    SessionPlaces,
    SessionsReport,
)
from filterd.radius.nas import NasTable
from filterd.radius.notices import Notices
from filterd.radius.places import PlaceTable
from filterd.radius.reader import Reader
from filterd.radius.service import Service
from parental.sessions.record import LIVES, Digests, Session
from parental.sessions.table import SessionTable

NOW = int(time.time())
WINDOW_S = 86_400  # NOW is that of the module, and a whole suite may run before these tests


class Names(Identities):
    """Names without control."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, folder / "revision", Digests(b"k" * 32), is_empty=True)
        self.profiles_of = {b"flat3": 7, b"flat4": 8}

    async def profiles(self, names):  # type: ignore[no-untyped-def]
        return {name: self.profiles_of.get(name, 0) for name in names}


class Wire:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def is_closing(self) -> bool:
        return False

    def sendto(self, octets: bytes, _: object) -> None:
        self.sent.append(octets)


class Room:
    def __init__(self, folder: Path, default_profile: int | None = None) -> None:
        (folder / "secret").write_bytes(SECRET)
        self.folder, self.counted, self.wire = folder, Counter[str](), Wire()
        entry = Nas(
            name="bng",
            address="198.51.100.3",
            secret=folder / "secret",
            pools=("192.0.2.0/24", "2001:db8::/32"),
            default_profile=default_profile,
        )
        nas, digests = NasTable([entry]), Digests(b"k" * 32)
        places = PlaceTable([entry], [NasPlace(nas="bng1", zone="Lahore", province="PK-PB")], digests)
        self.whose = digests.nas("bng", b"bng1")
        self.inbox = Inbox(self.count)
        reader = Reader(nas, digests, WINDOW_S, self.count)
        self.table, self.images = SessionTable(), SessionImages(folder / "images", nas.default_of)
        kept = self.table, Journal(folder, 1), self.images
        self.service = Service(self.inbox, reader, Names(folder), kept, Notices(folder), self.count)
        self.service.places = places

    def count(self, name: str) -> None:
        self.counted[name] += 1

    async def hear(self, *requests: bytes) -> int:
        """Have the service hear requests of one moment; how many answers came."""
        before = len(self.wire.sent)
        for request in requests:
            self.inbox.receive(request, ("198.51.100.3", 1646), self.wire)  # type: ignore[arg-type]
        await self.service._take(self.inbox.take())
        return len(self.wire.sent) - before


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


async def test_what_is_answered_is_in_the_journal_before(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fdatasync

    def note(file: int) -> None:
        synced.append(len(room.wire.sent))
        real(file)

    monkeypatch.setattr(os, "fdatasync", note)

    answers = await room.hear(*(told(START, f"s{n}", address=f"192.0.2.{n}", at_s=NOW, identifier=n) for n in range(9)))

    assert (answers, synced) == (9, [0])  # one sync for the group, and no answer before it
    assert len(read_back(room.folder)[0]) == 9


async def test_what_the_disk_refuses_is_not_answered_until_it_is_written(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = told(START, address="192.0.2.7", at_s=NOW)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        assert await room.hear(request) == 0
    assert "No space left" in room.service.faults["journal"]

    assert await room.hear(request) == 1

    assert room.service.faults == {}
    assert len(read_back(room.folder)[0]) == 1


async def test_an_update_with_nothing_new_writes_nothing(room: Room) -> None:
    await room.hear(told(START, address="192.0.2.7", at_s=NOW - 60))
    size = room.service.journal.n_octets

    assert await room.hear(told(INTERIM, address="192.0.2.7", at_s=NOW, lasted_s=60)) == 1

    assert room.service.journal.n_octets == size


async def test_a_start_and_its_update_of_one_moment_are_one_session(room: Room) -> None:
    start = told(START, address="192.0.2.7", at_s=NOW)
    update = told(INTERIM, prefix="2001:db8:7::/56", at_s=NOW, lasted_s=0)

    assert await room.hear(start, update) == 2

    [(four, _), (six, _)] = sorted(room.service.table.holders(), key=lambda each: len(each[0]))
    assert (four[1:], six[0]) == (ip_address("192.0.2.7").packed, 56)


async def test_a_request_that_comes_twice_in_one_moment_is_done_once_and_later_answered_again(room: Room) -> None:
    request = told(START, address="192.0.2.7", at_s=NOW)

    assert await room.hear(request, request) == 1
    assert await room.hear(request) == 1

    assert room.counted["radius_repeated"] == 2
    assert room.wire.sent[0] == room.wire.sent[1]


async def test_starts_stops_and_restarts_are_counted_by_what_became_of_them(room: Room) -> None:
    await room.hear(told(START, "a", "unknown", address="192.0.2.7", at_s=NOW - 60))
    await room.hear(told(START, "b", address="192.0.2.7", at_s=NOW - 50))
    await room.hear(told(STOP, "b", at_s=NOW - 70), told(START, "a", "unknown", address="192.0.2.7", at_s=NOW - 60))
    await room.hear(told(ON, at_s=NOW))

    assert room.counted["radius_unidentified"] == 1
    assert room.counted["radius_taken_over"] == 1
    assert room.counted["radius_out_of_order"] == 1
    assert room.counted["radius_repeated"] == 1
    assert room.counted["radius_nas_restarts"] == 1
    assert len(room.service.table) == 0


async def test_changes_are_published_and_an_address_is_found_by_the_session_around_it(room: Room) -> None:
    async with running(room.service.publish()):
        await room.hear(told(START, address="192.0.2.7", prefix="2001:db8:7::/56", at_s=NOW))
        manifest = room.folder / "images" / SESSIONS_MANIFEST
        await until(manifest.exists)

    tables = TableSet(sessions=open_sessions(manifest))
    held = await room.service.answer(AskHolder("2001:db8:7:99::1"))
    none = await room.service.answer(AskHolder("192.0.2.8"))

    assert [tables.subscriber_of(each) for each in ("192.0.2.7", "2001:db8:7:99::1", "192.0.2.8")] == [7, 7, None]
    assert held == SessionHolder(prefix="2001:db8:7::/56", profile=7, began_s=NOW, zone="Lahore", province="PK-PB")
    assert none == SessionHolder(prefix=None, profile=None, began_s=None)
    assert isinstance(await room.service.answer(AskHolder("nowhere")), FailureReply)


async def test_images_that_cannot_be_written_are_written_later_with_what_came_meanwhile(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.radius.service.RETRY_S", 0.01)
    manifest = room.folder / "images" / SESSIONS_MANIFEST
    (room.folder / "images").chmod(0o700)
    real, failed = SessionImages.publish, 0

    def publish(images: SessionImages, changed: dict[bytes, int | None]) -> None:
        nonlocal failed
        if failed < 2:
            failed += 1
            raise OSError(28, "No space left on device")
        real(images, changed)

    monkeypatch.setattr(SessionImages, "publish", publish)
    async with running(room.service.publish()):
        await room.hear(told(START, "a", address="192.0.2.7", at_s=NOW))
        await until(manifest.exists)

    assert TableSet(sessions=open_sessions(manifest)).subscriber_of("192.0.2.7") == 7
    known = await room.service.answer(AskSessions())
    assert isinstance(known, SessionsReport) and (known.sessions, known.faults) == (1, {})


async def test_an_address_and_all_sessions_are_told_with_their_place(room: Room) -> None:
    elsewhere = told(START, "s2", "flat4", at_s=NOW, address="192.0.2.8", nas="bng2", identifier=8)
    assert await room.hear(told(START, at_s=NOW, address="192.0.2.7"), elsewhere) == 2

    holder = await room.service.answer(AskHolder("192.0.2.7"))
    known = await room.service.answer(AskPlaces())

    assert isinstance(holder, SessionHolder) and (holder.zone, holder.province) == ("Lahore", "PK-PB")
    assert isinstance(known, SessionPlaces)
    assert known.places == [SessionPlace("Lahore", "PK-PB", 1), SessionPlace(None, None, 1)]


def many(n: int, whose: bytes) -> list[Session]:
    """Sessions of one NAS, each with an IPv6 prefix."""
    first = int.from_bytes(ip_address("2001:db8::").packed, "big")
    slots = (b"\x38" + (first + (number << 72)).to_bytes(16, "big") for number in range(n))
    who, began_s = bytes(16), NOW - 3600
    return [
        Session(LIVES, number.to_bytes(16, "big"), whose, who, 7, began_s, began_s, (b"", slot, b"", b""))
        for number, slot in enumerate(slots, 1)
    ]


@pytest.mark.long
async def test_a_nas_that_restarts_with_200000_sessions_ends_them_all_and_opens_nothing(tmp_path: Path) -> None:
    room = Room(tmp_path, default_profile=9)
    sessions = many(200_000, room.whose)
    for each in sessions:
        room.table.put(each)
    room.images.publish(room.table.take_changes().holders)

    assert await room.hear(told(ON, "", at_s=NOW, identifier=9)) == 1
    changed, cut = room.service._changed, room.service._cut
    room.images.publish(changed)
    back = told(START, "again", at_s=NOW + 1, prefix="2001:db8:0:700::/56", identifier=10)
    assert await room.hear(back) == 1
    room.images.publish(room.service._changed)

    assert len(room.table) == 1 and room.counted["radius_nas_restarts"] == 1
    assert cut == {each.slots[1] for each in sessions}  # every connection of theirs ends
    tables = TableSet(sessions=open_sessions(tmp_path / "images" / SESSIONS_MANIFEST))
    held = [tables.subscriber_of(text) for text in ("2001:db8::1", "2001:db8:0:100::1", "2001:db8:30d:3f00::1")]
    assert held == [9, 9, 9]  # the default profile, and never none
    assert tables.subscriber_of("2001:db8:0:700::1") == 7
    assert len(read_back(tmp_path)[0]) == 1  # after a crash, too


class Deaf(Wire):
    """Counts what is sent, and keeps none of it."""

    def __init__(self) -> None:
        super().__init__()
        self.n_sent = 0

    def sendto(self, octets: bytes, _: object) -> None:
        self.n_sent += 1


def resident_kib() -> int:
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmRSS")]
    return int(line.split()[1])


def bad_ones(counter: str) -> list[bytes]:
    """A hundred requests, each of which is to be counted so and to change nothing."""

    def start(n: int, at_s: int = NOW, secret: bytes = SECRET, session: str = "") -> bytes:
        name = session or f"s{n}"
        return told(START, name, "flat4", at_s=at_s, address="192.0.2.7", identifier=n, secret=secret)

    made = {
        "radius_bad_authenticator": lambda n: start(n, secret=b"another secret...."),
        "radius_malformed": lambda n: start(n)[: 30 + n % 20],
        "radius_stale": lambda n: start(n, at_s=NOW - WINDOW_S - 100_000 - n),  # one that was kept
        "radius_unknown_nas": start,
        "radius_repeated": lambda n: start(n, at_s=NOW - 60, session="ended"),  # each comes again and again
    }[counter]
    return [made(n) for n in range(100)]


FLOOD_KINDS = ("radius_bad_authenticator", "radius_malformed", "radius_stale", "radius_unknown_nas", "radius_repeated")
FLOOD_BATCH = 10_000
MOST_MORE_KIB = 16 * 2**10


@pytest.mark.parametrize("n_sent", [20_000, pytest.param(10_000_000, marks=pytest.mark.long)])
async def test_a_flood_of_forged_and_replayed_requests_is_counted_whole_moves_nothing_and_takes_no_memory(
    room: Room, n_sent: int
) -> None:
    room.wire = Deaf()
    lives, ended = told(START, "lives", at_s=NOW, address="192.0.2.7"), told(STOP, "ended", "flat4", at_s=NOW - 30)
    assert await room.hear(told(START, "ended", "flat4", at_s=NOW - 90, address="192.0.2.8"), ended, lives) == 0
    flood = [(each, kind) for kind in FLOOD_KINDS for each in bad_ones(kind)]

    async def send(n: int) -> None:
        for at in range(n):
            octets, kind = flood[at % len(flood)]
            host = "203.0.113.9" if kind == "radius_unknown_nas" else "198.51.100.3"
            room.inbox.receive(octets, (host, 1646), room.wire)  # type: ignore[arg-type]
        await room.service._take(room.inbox.take())

    await send(FLOOD_BATCH)
    size, used_kib, before = room.service.journal.n_octets, resident_kib(), room.counted.copy()
    for _ in range(n_sent // FLOOD_BATCH):
        await send(FLOOD_BATCH)

    assert {kind: room.counted[kind] - before[kind] for kind in FLOOD_KINDS} == dict.fromkeys(FLOOD_KINDS, n_sent // 5)
    assert room.counted["radius_out_of_order"] == 100  # the kept Start of an ended session, by new identifiers
    assert (len(room.table), room.service._owed, room.service.journal.n_octets) == (1, [], size)
    assert [whose for _, whose in room.table.holders()] == [7], "the address stays with the session that has it"
    assert resident_kib() - used_kib < MOST_MORE_KIB
    later = told(START, "later", at_s=NOW, address="192.0.2.9", identifier=200)
    answers = room.wire.n_sent
    await room.hear(later)
    assert room.wire.n_sent == answers + 1


async def test_a_start_that_someone_has_kept_brings_an_ended_session_not_back(room: Room) -> None:
    start = told(START, at_s=NOW - 60, address="192.0.2.7")
    stop = told(STOP, at_s=NOW - 30, identifier=8)
    await room.hear(start)
    await room.hear(stop)

    replayed = told(START, at_s=NOW - 60, address="192.0.2.7", identifier=9)
    assert await room.hear(replayed) == 1  # answered, as a NAS must be

    assert (len(room.table), room.counted["radius_out_of_order"]) == (0, 1)
