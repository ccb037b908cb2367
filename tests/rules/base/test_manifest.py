import json
from pathlib import Path

import pytest
from support.images.opened import KEY, LISTS

from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import TableSet
from fastpath.people.left_open import behind_s
from rules.base.manifest import (
    MANIFEST,
    SETTLED,
    Levels,
    Manifest,
    claimed_generation,
    doubt_clock,
    image_path,
    next_generation,
    prune,
    publish,
    publish_base,
    publish_delta,
    read_manifest,
    settle,
)


def write(folder: Path, generation: int, base_generation: int = 0) -> Path:
    path = image_path(folder, "names", generation)
    with path.open("wb") as out:
        NamesBuilder(KEY, LISTS).build(out, generation, base_generation)
    return path


def test_nothing_published_is_an_empty_manifest(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == Manifest()
    assert next_generation(tmp_path, "names") == 1


def test_what_is_published_is_what_tables_open(tmp_path: Path) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 1))
    manifest = publish_delta(tmp_path, "names", write(tmp_path, 2, 1))

    assert manifest == read_manifest(tmp_path) == Manifest(names=Levels("names-1.img", "names-2.img"))
    assert TableSet.open(tmp_path / MANIFEST).generations["names"] == (1, 2)


def test_a_new_base_takes_the_old_deltas_place(tmp_path: Path) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 1), write(tmp_path, 2, 1))

    publish_base(tmp_path, "names", write(tmp_path, 3))

    assert read_manifest(tmp_path).names == Levels("names-3.img", None)


def test_a_doubted_clock_is_told_and_what_is_published_meanwhile_leaves_it_so(tmp_path: Path) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 1))

    doubt_clock(tmp_path, 3600)
    publish_base(tmp_path, "names", write(tmp_path, 2))

    assert (read_manifest(tmp_path).behind_s, behind_s(TableSet.open(tmp_path / MANIFEST))) == (3600, 3600)
    doubt_clock(tmp_path, 0)
    assert behind_s(TableSet.open(tmp_path / MANIFEST)) == 0


def test_kinds_do_not_touch_each_other(tmp_path: Path) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 1))
    image_path(tmp_path, "policy", 4).write_bytes(b"")

    publish_base(tmp_path, "policy", image_path(tmp_path, "policy", 4))

    assert json.loads((tmp_path / MANIFEST).read_bytes()) == {
        "names": {"base": "names-1.img", "delta": None, "young": None},
        "urls": {"base": None, "delta": None, "young": None},
        "subscribers": {"base": None, "delta": None, "young": None},
        "policy": {"base": "policy-4.img", "delta": None, "young": None},
        "behind_s": 0,
    }
    assert next_generation(tmp_path, "policy") == 5
    assert next_generation(tmp_path, "names") == 2


def test_a_delta_without_a_base_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no names base; names-2.img not published; publish a base first"):
        publish_delta(tmp_path, "names", write(tmp_path, 2, 1))

    assert not (tmp_path / MANIFEST).exists()


def test_an_image_that_is_not_there_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"names-9.img: does not exist; not published"):
        publish_base(tmp_path, "names", tmp_path / "names-9.img")


@pytest.mark.parametrize("text", ["", "[]", '{"names": 1}', '{"names": {"bse": "x"}}', '"x"'])
def test_a_broken_manifest_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)

    with pytest.raises(ValueError, match=r"current.json: is not .*; not read; publish again"):
        read_manifest(tmp_path)


def test_generations_count_on_from_the_highest_ever_seen(tmp_path: Path) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 7))
    write(tmp_path, 12)

    assert next_generation(tmp_path, "names") == 13


def test_pruning_keeps_the_newest_what_is_in_force_and_what_these_stand_on(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)
    write(tmp_path, 3)
    publish_base(tmp_path, "names", tmp_path / "names-2.img", write(tmp_path, 4, 2))
    for generation in range(5, 9):
        write(tmp_path, generation, 3)

    removed = prune(tmp_path, kept_generations=2)

    assert sorted(path.name for path in removed) == ["names-1.img", "names-5.img", "names-6.img"]
    assert sorted(path.name for path in tmp_path.glob("names-*")) == [
        "names-2.img",
        "names-3.img",
        "names-4.img",
        "names-7.img",
        "names-8.img",
    ]
    assert prune(tmp_path, kept_generations=2) == []


def test_images_of_several_kinds_come_into_force_at_one_moment_or_not_at_all(tmp_path: Path) -> None:
    names, urls = write(tmp_path, 1), image_path(tmp_path, "urls", 1)
    with pytest.raises(ValueError, match=r"urls-1\.img: does not exist"):
        publish(tmp_path, {"names": Levels(names.name), "urls": Levels(urls.name)})
    assert read_manifest(tmp_path) == Manifest()

    urls.write_bytes(b"")
    publish(tmp_path, {"names": Levels(names.name), "urls": Levels(urls.name)})

    assert read_manifest(tmp_path) == Manifest(names=Levels("names-1.img"), urls=Levels("urls-1.img"))


def test_what_is_compiled_together_counts_its_generations_together(tmp_path: Path) -> None:
    write(tmp_path, 3)
    image_path(tmp_path, "urls", 5).write_bytes(b"")
    image_path(tmp_path, "policy", 9).write_bytes(b"")

    assert next_generation(tmp_path, "names") == next_generation(tmp_path, "urls") == 6


def test_a_generation_is_given_once_while_its_image_is_being_written(tmp_path: Path) -> None:
    with claimed_generation(tmp_path, "names") as first, claimed_generation(tmp_path, "names") as second:
        write(tmp_path, second)
        assert (first, second, next_generation(tmp_path, "urls")) == (1, 2, 3)

    assert [path.name for path in tmp_path.iterdir()] == ["names-2.img"]


def test_a_generation_that_somebody_claims_at_the_same_moment_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = iter((1, 2))
    monkeypatch.setattr("rules.base.manifest.next_generation", lambda *_: next(seen))
    (tmp_path / "names-1.claim").touch()

    with claimed_generation(tmp_path, "names") as generation:
        assert generation == 2


def test_pruning_keeps_a_base_that_is_about_to_be_in_force_and_what_belongs_to_it(tmp_path: Path) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 1))
    write(tmp_path, 2)
    for generation in range(3, 8):
        publish_delta(tmp_path, "names", write(tmp_path, generation, 1))
    for generation in (1, 2):
        image_path(tmp_path, "origins", generation).write_bytes(b"")

    prune(tmp_path, kept_generations=2)

    left = {path.name for path in tmp_path.glob("*.img")}
    assert left == {"names-1.img", "names-2.img", "names-6.img", "names-7.img", "origins-1.img", "origins-2.img"}


def test_what_was_in_force_when_it_was_settled_is_said_apart_and_never_pruned(tmp_path: Path) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 1))
    settled = publish_delta(tmp_path, "names", write(tmp_path, 2, 1))
    settle(tmp_path)
    newer = publish_base(tmp_path, "names", write(tmp_path, 3))

    prune(tmp_path, kept_generations=1)

    assert read_manifest(tmp_path) == newer != settled
    assert TableSet.open(tmp_path / SETTLED).generations["names"] == (1, 2)
    settle(tmp_path)
    prune(tmp_path, kept_generations=1)
    assert [path.name for path in tmp_path.glob("*.img")] == ["names-3.img"]


@pytest.mark.parametrize("torn", [b"", b"\0" * 300, b"[]", b'{"names": {"base": "nam'])
def test_where_the_manifest_is_torn_the_settled_one_is_gone_on_from(tmp_path: Path, torn: bytes) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 1))
    settle(tmp_path)
    (tmp_path / MANIFEST).write_bytes(torn)

    assert publish_delta(tmp_path, "names", write(tmp_path, 2, 1)).names == Levels("names-1.img", "names-2.img")


def test_where_the_settled_manifest_is_torn_it_is_written_again(tmp_path: Path) -> None:
    publish_base(tmp_path, "names", write(tmp_path, 1))
    (tmp_path / SETTLED).write_bytes(b"")

    prune(tmp_path)
    settle(tmp_path)

    assert (tmp_path / SETTLED).read_bytes() == (tmp_path / MANIFEST).read_bytes()


def test_pruning_removes_origins_with_their_names_and_claims_of_the_dead(tmp_path: Path) -> None:
    for generation in (1, 2, 3):
        write(tmp_path, generation)
        image_path(tmp_path, "origins", generation).write_bytes(b"")
    for name in ("names-1.claim", "names-4.claim"):
        (tmp_path / name).touch()
    publish_base(tmp_path, "names", tmp_path / "names-3.img")

    prune(tmp_path, kept_generations=1)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "current.json",
        "names-3.img",
        "names-4.claim",
        "origins-3.img",
    ]
