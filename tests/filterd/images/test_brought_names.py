"""What a compilation leaves of the names that new versions of lists have brought."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from support.control.box import database_key

from fastpath.wire.name import to_wire
from filterd.config import load
from filterd.images import brought_names
from filterd.images.brought_names import FILE, BroughtNames, take_brought
from filterd.images.compile import compile_config
from filterd.images.lists.jobs import take
from filterd.images.lists.sources import shelf_of
from parental.store.engines import Where
from rules.lists.versions import rolled_back

SAID = """
state_dir: state
dns: {upstreams: ["192.0.2.53:53"]}
gate: {workers: 0}
lists:
- {id: bad, file: bad.txt, format: plain, tier: security, action: nxdomain, grow_percent: 100000}
- {id: zone, file: zone.rpz, format: rpz, tier: security, action: nxdomain, grow_percent: 100000}
"""
SOA = "$TTL 60\n@ SOA a.test. b.test. 1 60 60 60 60\n"


@pytest.fixture
def path(tmp_path: Path, database: Where) -> Path:
    (tmp_path / "f.yaml").write_text(SAID + database_key(database))
    write(tmp_path, "one.test", "two.test")
    return tmp_path / "f.yaml"


def write(folder: Path, *names: str, zone: str = "") -> None:
    (folder / "bad.txt").write_text("".join(f"{name}\n" for name in names))
    (folder / "zone.rpz").write_text(f"{SOA}x.test CNAME .\n{zone}")


def brought(path: Path) -> BroughtNames:
    """What one more compilation leaves."""
    compile_config(load(path), None)
    return take_brought(load(path))


def wires(*names: str) -> frozenset[bytes]:
    return frozenset(to_wire(name.encode()) for name in names)


def test_the_first_base_and_one_of_the_same_copies_have_brought_nothing(path: Path) -> None:
    assert brought(path) == brought(path) == BroughtNames()


def test_names_that_are_new_are_brought_and_those_that_are_gone_are_not(path: Path) -> None:
    brought(path)
    write(path.parent, "two.test", "three.test")

    assert brought(path) == BroughtNames(wires("three.test"))


def test_an_exception_that_is_gone_is_brought_and_one_that_is_new_is_not(path: Path) -> None:
    write(path.parent, "one.test", zone="y.test CNAME rpz-passthru.\n")
    brought(path)
    write(path.parent, "one.test", zone="z.test CNAME rpz-passthru.\n")

    assert brought(path) == BroughtNames(wires("y.test"))


def test_what_a_version_has_that_is_rolled_back_to_is_brought(path: Path) -> None:
    brought(path)
    write(path.parent, "two.test", "three.test")
    brought(path)
    config = load(path)
    shelf_of(config, config.lists[0]).change(lambda kept: rolled_back(kept, "a person"))

    assert brought(path) == BroughtNames(wires("one.test"))


@pytest.mark.parametrize(
    ("before", "now"), [(", action: nxdomain", ", action: shadow"), ("tier: security", "tier: order")]
)
def test_a_list_that_is_new_or_means_something_else_has_brought_all_of_it_unless_it_is_on_trial(
    path: Path, before: str, now: str
) -> None:
    said = path.read_text()
    path.write_text(said.replace(before, now, 1))
    brought(path)
    path.write_text(said)
    assert brought(path) == BroughtNames(wires("one.test", "two.test"))

    path.write_text(said.replace(", action: nxdomain", ", action: shadow", 1))
    assert brought(path) == BroughtNames()


def test_a_list_that_has_brought_too_much_is_named_and_its_names_are_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brought_names, "MOST", 2)
    brought(path)
    write(path.parent, "one.test", "3.test", "4.test", "5.test", zone="new.test CNAME .\n")

    assert brought(path) == BroughtNames(wires("new.test"), ("bad",))


def test_a_list_whose_copy_before_is_not_kept_any_more_is_named(path: Path) -> None:
    brought(path)
    config = load(path)
    write(path.parent, "two.test", "three.test")
    take(config, ["bad"], 0.0)
    shelf_of(config, config.lists[0]).change(lambda kept: replace(kept, older=()))

    assert brought(path) == BroughtNames(beyond=("bad",))


def test_what_control_has_not_taken_is_kept_for_it_readable_by_its_owner_alone(path: Path) -> None:
    brought(path)
    for names in (("one.test", "two.test", "three.test"), ("two.test", "three.test", "four.test")):
        write(path.parent, *names)
        compile_config(load(path), None)

    left = path.parent / "state/lists" / FILE
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    assert take_brought(load(path)) == BroughtNames(wires("three.test", "four.test"))
    assert take_brought(load(path)) == BroughtNames()


def test_what_cannot_be_read_is_told_and_is_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    brought(path)
    (path.parent / "state/lists" / FILE).write_text("{")

    assert take_brought(load(path)) == BroughtNames()
    assert "new connections are judged" in caplog.text
