import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Connection

from fastpath.images.image import Image, open_image
from fastpath.images.subscribers import device_address
from fastpath.images.tables import TableSet
from parental.people import devices
from parental.policy import compile
from parental.policy import subscribers as store
from parental.policy.changed_profiles import ChangedProfiles
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store import revision
from parental.store.database import open_database, writing
from parental.store.engines import Where
from parental.store.errors import BadSubscriber, NoSubscriber
from parental.store.schema.lines import devices as rows

SUBSCRIBERS = 4
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)


@pytest.fixture
def conn(database: Where) -> Iterator[Connection]:
    engine = open_database(database)
    with writing(engine) as conn:
        for number in (1, 2):
            store.put_subscriber(conn, Subscriber(number, "home", (parse_prefix(f"192.0.2.{number}"),)))
        yield conn
    engine.dispose()


class Images:
    """The base of a moment, and a delta of now; who has a token, by both."""

    def __init__(self, conn: Connection, folder: Path) -> None:
        self.conn, self.folder = conn, folder
        self.since = revision.current_revision(conn)
        self.base = self._write("base", lambda out: compile.write_subscribers_base(conn, out, 1))

    def subscriber_of(self, token: str) -> int | None:
        changed = ChangedProfiles(self.since)
        changed.add(self.conn, NOON)
        delta = self._write("delta", lambda out: changed.write_subscribers(out, 2, 1))
        return TableSet(None, None, self.base, delta).subscriber_of(device_address(token))

    def _write(self, name: str, write: Callable[[BinaryIO], int]) -> Image:
        out = io.BytesIO()
        write(out)
        (self.folder / name).write_bytes(out.getvalue())
        return open_image(self.folder / name, SUBSCRIBERS)


def test_a_device_is_its_subscriber_in_the_base_and_in_the_delta(conn: Connection, tmp_path: Path) -> None:
    earlier = devices.put_device(conn, 1, "ali-phone")
    images = Images(conn, tmp_path)
    later = devices.put_device(conn, 2, "tablet")

    assert (images.subscriber_of(earlier), images.subscriber_of(later)) == (1, 2)
    assert images.subscriber_of("a" * 26) is None


def test_a_token_is_a_label_that_is_stored_nowhere(conn: Connection) -> None:
    token = devices.put_device(conn, 1, "ali-phone")

    assert re.fullmatch("[a-z2-7]{26}", token)
    assert list(conn.execute(rows.select())) == [(1, "ali-phone", device_address(token), None)]


def test_a_new_token_ends_the_one_before(conn: Connection, tmp_path: Path) -> None:
    before = devices.put_device(conn, 1, "ali-phone")
    images = Images(conn, tmp_path)
    after = devices.put_device(conn, 1, "ali-phone")

    assert (images.subscriber_of(before), images.subscriber_of(after)) == (None, 1)
    assert devices.device_names(conn, 1) == ["ali-phone"]


@pytest.mark.parametrize("end", [devices.delete_device, lambda conn, number, _: store.delete_subscriber(conn, number)])
def test_a_device_that_is_ended_or_whose_line_is_forgotten_is_nobodys(
    conn: Connection, tmp_path: Path, end: Callable[[Connection, int, str], None]
) -> None:
    token = devices.put_device(conn, 1, "ali-phone")
    images = Images(conn, tmp_path)
    end(conn, 1, "ali-phone")

    assert images.subscriber_of(token) is None
    assert devices.device_names(conn, 1) == []
    assert Images(conn, tmp_path).subscriber_of(token) is None


def test_the_operators_put_leaves_devices_alone(conn: Connection, tmp_path: Path) -> None:
    token = devices.put_device(conn, 1, "ali-phone")
    images = Images(conn, tmp_path)
    store.put_subscriber(conn, Subscriber(1, "moved", (parse_prefix("192.0.2.9"),)))

    assert images.subscriber_of(token) == 1


@pytest.mark.parametrize("name", ["", "-a", "a-", "Ali", "a b", "a" * 33, "a.b", "a/b", "a\n"])
def test_what_is_no_name_of_a_device_is_refused(conn: Connection, name: str) -> None:
    with pytest.raises(BadSubscriber, match=r"^device: .*; no token created; "):
        devices.put_device(conn, 1, name)


def test_a_line_has_so_many_devices_and_may_renew_them_all(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MAX_DEVICES", 2)
    for name in ("a", "b", "a"):
        devices.put_device(conn, 1, name)

    with pytest.raises(BadSubscriber, match="one too many"):
        devices.put_device(conn, 1, "c")
    assert devices.put_device(conn, 2, "c")


def test_nobody_has_no_device(conn: Connection) -> None:
    with pytest.raises(NoSubscriber, match="subscriber 9: does not exist"):
        devices.put_device(conn, 9, "a")
    with pytest.raises(NoSubscriber, match="subscriber 1: has no device 'a'"):
        devices.delete_device(conn, 1, "a")
