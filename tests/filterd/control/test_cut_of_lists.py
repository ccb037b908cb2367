"""Which connections control wants ended once a new version of a list is in force."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import done, play
from support.control.cuts import ASKED, OTHER, Wants, connection, put

from filterd.control.service import Control
from filterd.images.compile import compile_base
from filterd.process.control_messages import InForce, ListsRefresh
from mgmt.contract.control import Cut

pytestmark = pytest.mark.services


def with_a_closed_list(place: Path, *names: str) -> Path:
    """A list of category video beside the others."""
    said = (place / "f.yaml").read_text()
    if "id: v" not in said:
        video = "}, {id: v, file: v.txt, tier: category, category: video, format: plain, added_percent: 100}]\n"
        (place / "f.yaml").write_text(said.replace("}]\n", video))
    (place / "v.txt").write_text("".join(f"{name}\n" for name in names))
    return place / "v.txt"


def new_version(place: Path, engine: Engine, *names: str) -> InForce:
    """What is in force with another version of that list."""

    async def work(control: Control) -> InForce:
        with_a_closed_list(place, *names)
        return done(await control.lists.change(ListsRefresh(["v"])))

    return play(place, engine, work)


def test_a_new_version_of_a_list_ends_its_new_names_where_they_are_closed_and_nothing_else(
    place: Path, engine: Engine, wants: Wants
) -> None:
    put(engine, "video")
    put(engine, line=8)
    with_a_closed_list(place, "film.test", "gone.test")
    told = new_version(place, engine, "film.test", "new.test")

    [wanted] = wants
    assert told.cut == Cut(ASKED, 1, 0)
    for name in ("new.test", "www.new.test"):
        assert wanted.is_wanted(connection(name)), name
        assert not wanted.is_wanted(connection(name, line=OTHER)), name
    for name in ("film.test", "gone.test", "other.test"):
        assert not wanted.is_wanted(connection(name)), name


def test_what_lists_had_brought_before_control_ended_is_cut_when_it_starts(
    place: Path, engine: Engine, wants: Wants
) -> None:
    put(engine, "video")
    with_a_closed_list(place, "film.test")

    async def end_early(control: Control) -> None:
        with_a_closed_list(place, "film.test", "new.test")
        await control.lists.take(0.0)
        await compile_base(control.config, place / "f.yaml", 0)

    async def nothing(_: Control) -> None:
        return

    play(place, engine, end_early)
    assert wants == []
    for _ in range(2):
        play(place, engine, nothing)

    [wanted] = wants
    assert wanted.is_wanted(connection("new.test"))
    assert not wanted.is_wanted(connection("film.test"))
