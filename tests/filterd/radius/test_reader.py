import logging
from collections import Counter
from pathlib import Path

import pytest
from support.sessions.requests import (
    INTERIM,
    OFF,
    SECRET,
    START,
    STOP,
    accounting,
    attribute,
    number,
    told,
)

from filterd.config.radius import Nas
from filterd.radius.nas import NasTable
from filterd.radius.reader import Reader
from parental.sessions.record import ENDED, LIVES, RESTARTED, Digests

NOW = 1_800_000_000
HOST = "198.51.100.3"


class Ear:
    def __init__(self, folder: Path, **more: object) -> None:
        (folder / "secret").write_bytes(SECRET)
        entry = Nas(name="bng", address=HOST, secret=folder / "secret", pools=("192.0.2.0/24",), **more)  # type: ignore[arg-type]
        self.counted = Counter[str]()
        self.reader = Reader(NasTable([entry]), Digests(b"k" * 32), 900, lambda name: self.counted.update([name]))

    def hear(self, octets: bytes, host: str = HOST):  # type: ignore[no-untyped-def]
        return self.reader.hear(octets, host, NOW)


@pytest.fixture
def ear(tmp_path: Path) -> Ear:
    return Ear(tmp_path)


@pytest.mark.parametrize(("status", "state"), [(START, LIVES), (INTERIM, LIVES), (STOP, ENDED), (OFF, RESTARTED)])
def test_a_status_becomes_a_state(ear: Ear, status: int, state: int) -> None:
    heard = ear.hear(told(status, address="192.0.2.7", at_s=NOW))

    assert heard.session.state == state and heard.is_update is (status == INTERIM)


def test_an_update_began_when_its_session_did(ear: Ear) -> None:
    heard = ear.hear(told(INTERIM, address="192.0.2.7", at_s=NOW - 5, lasted_s=600))

    assert (heard.session.began_s, heard.session.at_s) == (NOW - 605, NOW - 5)


def test_a_session_of_one_name_at_another_nas_is_another_session(ear: Ear) -> None:
    keys = {ear.hear(told(START, nas=nas, at_s=NOW)).session.key for nas in ("bng1", "bng2", "bng1")}

    assert len(keys) == 2


def test_a_status_that_is_not_used_is_answered_and_changes_nothing(ear: Ear) -> None:
    heard = ear.hear(told(15, at_s=NOW))

    assert heard is not None and heard.session is None


def test_a_request_without_a_session_id_is_answered_and_changes_nothing(ear: Ear) -> None:
    heard = ear.hear(accounting(attribute(40, number(START)), attribute(55, number(NOW))))

    assert heard is not None and heard.session is None


@pytest.mark.parametrize(
    ("octets", "host", "counter"),
    [
        (told(START, at_s=NOW), "203.0.113.9", "radius_unknown_nas"),
        (told(START, at_s=NOW, secret=b"x" * 20), HOST, "radius_bad_authenticator"),
        (b"", HOST, "radius_malformed"),
        (told(START, at_s=NOW, address="198.51.100.9"), HOST, "radius_malformed"),
        (told(START, at_s=NOW - 901), HOST, "radius_stale"),
        (told(START, at_s=NOW + 901), HOST, "radius_stale"),
        (told(START), HOST, "radius_stale"),
    ],
)
def test_what_is_not_believed_is_dropped_and_counted(ear: Ear, octets: bytes, host: str, counter: str) -> None:
    assert ear.hear(octets, host) is None
    assert ear.counted == {counter: 1}


def test_a_nas_that_says_no_time_is_believed_where_the_configuration_says_so(tmp_path: Path) -> None:
    ear = Ear(tmp_path, timestamps=False)

    heard = ear.hear(accounting(attribute(40, number(START)), attribute(44, b"s"), attribute(41, number(30))))

    assert heard.session.at_s == NOW - 30


def test_a_line_is_told_by_its_station_where_the_configuration_says_so(tmp_path: Path) -> None:
    ear = Ear(tmp_path, identity="calling-station-id")
    parts = [attribute(40, number(START)), attribute(44, b"s"), attribute(55, number(NOW))]

    heard = ear.hear(accounting(*parts, attribute(1, b"user"), attribute(31, b"00-53-00-11-22-33")))

    assert heard.name == b"00-53-00-11-22-33"


def test_what_was_dropped_is_said_once_a_minute_and_without_a_name(ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "filterd.radius")

    for n in range(300):
        ear.hear(told(START, user="flat3", at_s=NOW), f"203.0.113.{n % 250}")

    assert len(caplog.messages) == 1
    assert "flat3" not in caplog.text
