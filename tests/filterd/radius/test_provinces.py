import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filterd.box.places import RADIUS, radius_socket
from filterd.config import read_config
from filterd.config.radius import Nas, NasPlace
from filterd.process.json_socket import NoAnswer, serve
from filterd.radius import provinces
from filterd.radius.messages import RADIUS_REQUESTS, AskProvinces, ProfileProvinces
from filterd.radius.places import PlaceTable
from filterd.radius.provinces import ProvinceClient, SessionProvinces, provinces_by_sessions
from parental.sessions.record import LIVES, Digests, Session, slot_at

DIGESTS = Digests(b"k" * 32)


def session(profile: int, nas: bytes = b"bng1") -> bytes:
    key, slots = profile.to_bytes(16, "big"), (slot_at("192.0.2.7"), b"", b"", b"")
    return Session(LIVES, key, DIGESTS.nas("bng", nas), profile=profile, slots=slots).packed()


@pytest.fixture
def places() -> PlaceTable:
    entry = Nas(name="bng", address="198.51.100.3", secret=Path("secret"), pools=("192.0.2.0/24",))
    return PlaceTable([entry], [NasPlace(nas="bng1", province="PK-PB")], DIGESTS)


async def test_sessions_are_looked_at_again_once_what_is_known_is_old(
    places: PlaceTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provinces, "LEAST_AGE_S", 3600.0)  # not old before we say so, however slow we are
    living = [session(7)]
    found = SessionProvinces(lambda: living)
    assert await found.of([7, 8], places) == [(7, "PK-PB")]
    living.append(session(8))
    assert await found.of([7, 8], places) == [(7, "PK-PB")]

    monkeypatch.setattr(found, "_until_s", 0.0)
    assert await found.of([7, 8], places) == [(7, "PK-PB"), (8, "PK-PB")]


async def test_control_asks_for_many_at_once_and_gets_those_that_are_known(
    tmp_path: Path, places: PlaceTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provinces, "MOST_PROFILES", 3)
    found = SessionProvinces(lambda: [session(number) for number in range(5, 25)])

    async def answer(request: AskProvinces) -> ProfileProvinces:
        assert len(request.profiles) <= 3
        return ProfileProvinces(await found.of(request.profiles, places))

    server = await serve(radius_socket(tmp_path), RADIUS, RADIUS_REQUESTS, answer)
    known = await asyncio.to_thread(ProvinceClient(tmp_path).of, range(10))
    server.close()

    assert known == dict.fromkeys(range(5, 10), "PK-PB")


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], ProvinceClient]]:
    """A client of a role that answers what it is told, and that has the time that it needs for it."""
    monkeypatch.setattr(provinces, "PATIENCE_S", 60.0)
    listening = socket.socket(socket.AF_UNIX)
    radius_socket(tmp_path).parent.mkdir()
    listening.bind(str(radius_socket(tmp_path)))
    listening.listen()

    def play(reply: Any) -> ProvinceClient:
        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(json.dumps(reply).encode() + b"\n")

        threading.Thread(target=answer, daemon=True).start()
        return ProvinceClient(tmp_path)

    yield play
    listening.close()


@pytest.mark.parametrize(
    "provinces",
    [
        [[8, "PK-SD"]],
        [[7, "<b>"]],
        [[7, "PK-PB\n"]],
        [[7, ""]],
        [["7", "PK-PB"]],
        [7],
        "PK-PB",
        [[7, "PK-PB", 1]],
        None,
    ],
)
def test_what_is_no_province_of_who_was_asked_for_is_not_taken(
    played: Callable[[Any], ProvinceClient], provinces: Any
) -> None:
    assert played({"ok": True, "provinces": provinces}).of([7]) == {}


def test_a_province_of_who_was_asked_for_is_taken(played: Callable[[Any], ProvinceClient]) -> None:
    assert played({"ok": True, "provinces": [[7, "PK-SD"], [9, "PK-PB"]]}).of([7]) == {7: "PK-SD"}


def test_a_role_that_is_away_is_asked_again_after_a_while_and_not_for_each_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def ask(*_: Any) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        raise NoAnswer("away")

    monkeypatch.setattr(provinces, "ask_blocking", ask)
    client = ProvinceClient(tmp_path)
    assert [client.of([7]) for _ in range(3)] == [{}, {}, {}] and asked == 1

    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + provinces.PAUSE_S + 1)
    assert client.of([7]) == {} and asked == 2


def test_a_box_that_hears_of_no_sessions_asks_no_one(tmp_path: Path) -> None:
    assert provinces_by_sessions(read_config(b"dns: {upstreams: ['192.0.2.53:53']}\n", "x", tmp_path)) is None
