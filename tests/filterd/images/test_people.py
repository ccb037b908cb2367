import json
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Reason
from filterd.images import people
from filterd.images.people import PeopleImages, write_levels
from filterd.images.store import ImageStore
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import delete_subscriber, pause, put_subscriber
from parental.store.database import reading, writing
from parental.store.revision import REVISION, current_revision
from parental.store.schema.lines import profiles, revisions
from rules.base.manifest import Levels, read_manifest

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return ImageStore(tmp_path).directory


@pytest.fixture
def images(folder: Path, engine: Engine) -> PeopleImages:
    add(engine, 7)
    return started(folder, engine)


def started(folder: Path, engine: Engine) -> PeopleImages:
    """As control starts: with what it finds, or with a new base."""
    images = PeopleImages(folder)
    if not found(images, engine):
        write_levels(folder, "base", engine, NOW)
    take(images, engine)
    return images


def found(images: PeopleImages, engine: Engine, at: datetime = NOW) -> bool:
    with reading(engine) as conn:
        return images.find_levels(conn, at)


def take(images: PeopleImages, engine: Engine) -> None:
    with reading(engine) as conn:
        images.take_levels(conn, NOW)


def publish(images: PeopleImages, engine: Engine) -> None:
    with reading(engine) as conn:
        images.publish(conn, NOW)


def add(engine: Engine, number: int) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(number, "home", (IPv4Network(f"192.0.2.{number}/32"),), Profile()))


def lock(engine: Engine, number: int) -> None:
    with writing(engine) as conn:
        pause(conn, number, None)


def in_force(folder: Path) -> Levels:
    return read_manifest(folder).policy


def tables(folder: Path) -> TableSet:
    return TableSet.open(folder / "current.json")


def reason(folder: Path, number: int) -> Any:
    return tables(folder).decide(None, f"192.0.2.{number}", NOW_S).reason


def test_a_tap_is_in_the_young_level_and_the_others_stay(folder: Path, images: PeopleImages, engine: Engine) -> None:
    before = in_force(folder)
    lock(engine, 7)
    publish(images, engine)

    after = in_force(folder)
    assert reason(folder, 7) == Reason.PAUSE
    assert (after.base, after.delta) == (before.base, before.delta)
    assert tables(folder).generations["policy"][1] > int(before.young.split("-")[1].split(".")[0])


def test_somebody_who_left_is_nobody(folder: Path, images: PeopleImages, engine: Engine) -> None:
    with writing(engine) as conn:
        delete_subscriber(conn, 7)
    publish(images, engine)

    assert tables(folder).subscriber_of("192.0.2.7") is None


def test_who_changes_while_a_level_is_written_is_in_force_before_and_after_it(
    folder: Path, images: PeopleImages, engine: Engine
) -> None:
    lock(engine, 7)
    publish(images, engine)
    write_levels(folder, "delta", engine, NOW)
    add(engine, 8)
    lock(engine, 8)
    publish(images, engine)
    meanwhile = reason(folder, 7), reason(folder, 8)
    take(images, engine)

    assert meanwhile == (reason(folder, 7), reason(folder, 8)) == (Reason.PAUSE, Reason.PAUSE)
    assert json.loads((folder / "people-delta.json").read_text())["policy"] == in_force(folder).delta


def test_a_young_level_that_is_large_asks_for_a_delta_and_a_large_delta_for_a_base(
    folder: Path, images: PeopleImages, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "YOUNG_ROWS", 1)
    monkeypatch.setattr(people, "DELTA_ROWS", 2)
    asked = [images.overgrown]
    for number in (8, 9, 10):
        add(engine, number)
        publish(images, engine)
    asked.append(images.overgrown)
    write_levels(folder, "delta", engine, NOW)
    take(images, engine)
    asked.append(images.overgrown)
    add(engine, 11)
    add(engine, 12)
    publish(images, engine)

    assert [*asked, images.overgrown] == [None, "delta", None, "base"]


def test_a_start_goes_on_from_the_levels_that_are_there(folder: Path, images: PeopleImages, engine: Engine) -> None:
    write_levels(folder, "delta", engine, NOW)
    take(images, engine)
    before = in_force(folder)
    lock(engine, 7)  # while no control runs
    started(folder, engine)

    after = in_force(folder)
    assert (after.base, after.delta, reason(folder, 7)) == (before.base, before.delta, Reason.PAUSE)


def test_generations_rise_over_a_restart_and_with_a_delta_that_was_begun_earlier(
    folder: Path, images: PeopleImages, engine: Engine
) -> None:
    seen = [tables(folder).generations["policy"][1]]
    write_levels(folder, "delta", engine, NOW)
    for _ in range(3):
        publish(images, engine)
        seen.append(tables(folder).generations["policy"][1])
    take(images, engine)
    seen.append(tables(folder).generations["policy"][1])
    started(folder, engine)
    seen.append(tables(folder).generations["policy"][1])

    assert seen == sorted(set(seen))


@pytest.mark.parametrize("spoil", ["damaged", "gone", "of another release", "too old", "of the future"])
def test_a_base_that_cannot_be_used_is_written_again(
    folder: Path, images: PeopleImages, engine: Engine, spoil: str
) -> None:
    del images
    note = folder / "people-base.json"
    said = json.loads(note.read_text())
    path = folder / said["policy"]
    at = NOW
    if spoil == "damaged":
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    elif spoil == "gone":
        path.unlink()
    elif spoil == "of another release":
        note.write_text(json.dumps(said | {"made": 0}))
    else:
        at += timedelta(days=40) if spoil == "too old" else timedelta(hours=-1)

    assert found(PeopleImages(folder), engine, at) is False


def test_a_base_with_changes_that_the_database_does_not_know_is_written_again(folder: Path, engine: Engine) -> None:
    add(engine, 7)
    with reading(engine) as conn:
        profile, revision = conn.execute(select(profiles)).one(), current_revision(conn)
    lock(engine, 7)
    started(folder, engine)
    with writing(engine) as conn:  # as a copy that is put back
        conn.execute(update(profiles).values(profile._asdict()))
        conn.execute(update(revisions).where(revisions.c.name == REVISION).values(value=revision))

    assert found(PeopleImages(folder), engine) is False
    started(folder, engine)
    assert reason(folder, 7) == Reason.DEFAULT


def test_a_level_that_a_job_has_written_is_not_pruned_before_it_is_in_force(tmp_path: Path, engine: Engine) -> None:
    add(engine, 7)
    store = ImageStore(tmp_path)
    write_levels(store.directory, "base", engine, NOW)
    take(store.people, engine)
    write_levels(store.directory, "delta", engine, NOW)
    for _ in range(15):
        publish(store.people, engine)
        store.settle()
    take(store.people, engine)
    store.settle()

    assert tables(store.directory).subscriber_of("192.0.2.7") == 7
    assert len(list(store.directory.glob("policy-*.img"))) == 13  # base, two deltas, ten young ones
