"""Levels in force, by the files that the manifest names."""

import os
from pathlib import Path

from filterd.images.level_states import level_states
from rules.base.manifest import Levels, publish

WRITTEN_S = 1_795_000_000


def image(folder: Path, name: str, octets: int, written_s: int) -> str:
    (folder / name).write_bytes(bytes(octets))
    os.utime(folder / name, (written_s, written_s))
    return name


def test_a_level_is_as_large_as_its_files_and_as_old_as_the_newest_of_them(tmp_path: Path) -> None:
    names = Levels(image(tmp_path, "n1", 100, WRITTEN_S), image(tmp_path, "n2", 10, WRITTEN_S + 9))
    urls = Levels(image(tmp_path, "u1", 50, WRITTEN_S + 5))
    publish(tmp_path, {"names": names, "urls": urls})

    base, delta = level_states(tmp_path, {("names", "delta"): 3})

    assert (base.kind, base.level, base.rows, base.octets) == ("names", "base", None, 150)
    assert base.written_s == WRITTEN_S + 5
    assert (delta.level, delta.rows, delta.octets, delta.written_s) == ("delta", 3, 10, WRITTEN_S + 9)


def test_lines_and_their_policy_are_one_kind_and_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    publish(tmp_path, {kind: Levels(image(tmp_path, kind, 7, WRITTEN_S)) for kind in ("subscribers", "policy")})

    assert [(each.kind, each.level, each.octets) for each in level_states(tmp_path, {})] == [("people", "base", 14)]


def test_a_box_without_images_has_no_levels(tmp_path: Path) -> None:
    assert level_states(tmp_path, {}) == []
