import json
import shutil
from pathlib import Path

import pytest
from support.images.opened import LISTS, NUMBER, Images

from fastpath.images.image import BadImage, open_image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.name import to_wire


def test_a_manifest_opens_every_image_that_it_names(images: Images) -> None:
    base = images.names([("orders", "n.test", Mode.SUBTREE)])
    delta = images.names([("orders", "m.test", Mode.SUBTREE)], base)
    manifest = images.folder / "current.json"
    manifest.write_text(json.dumps({"names": {"base": Path(base.path).name, "delta": Path(delta.path).name}}))

    tables = TableSet.open(manifest)

    assert tables.generations == {"names": (1, 2), "subscribers": (0, 0), "policy": (0, 0), "urls": (0, 0)}
    assert tables.matches(to_wire(b"m.test"))


def test_a_delta_of_another_base_is_refused(images: Images) -> None:
    old = images.names([])
    delta = images.names([], old)
    new = images.names([])

    with pytest.raises(BadImage, match="a delta of names 1, the base here is 3"):
        TableSet(new, delta)


def test_a_delta_with_other_lists_is_refused(images: Images) -> None:
    base = images.names([])
    path = images.folder / "other.img"
    with path.open("wb") as out:
        NamesBuilder(bytes(range(16)), [ListSpec("other", 2, 0, 4, False)]).build(out, 9, base.generation)

    with pytest.raises(BadImage, match="its lists are not those of its base"):
        TableSet(base, open_image(path, ImageKind.NAMES))


def test_a_missing_file_is_said_by_name(images: Images) -> None:
    manifest = images.folder / "current.json"
    manifest.write_text('{"names": {"base": "gone.img", "delta": null}}')

    with pytest.raises(FileNotFoundError, match=r"gone\.img"):
        TableSet.open(manifest)


def test_the_base_alone_is_asked_for_the_entries_of_exactly_one_name(images: Images) -> None:
    base = images.names([("orders", "n.test", Mode.SUBTREE, 255, 3), ("adult", "n.test", Mode.EXACT)])
    tables = TableSet(base, images.names([], base, drops=["n.test"]))

    assert tables.base_entries(to_wire(b"n.test")) == [(1, Mode.SUBTREE, 255, 3, b""), (4, Mode.EXACT, 255, 0, b"")]
    assert tables.base_entries(to_wire(b"www.n.test")) == []


@pytest.mark.parametrize("wire", [b"", b"\x01", b"\x04test", b"\x04test\x00\x00", b"\xc0\x0c"])
def test_a_name_that_is_none_is_refused(images: Images, wire: bytes) -> None:
    with pytest.raises(ValueError, match="not one name"):
        TableSet().matches(wire)


def test_tables_outlive_the_files_that_they_came_from(images: Images) -> None:
    tables = TableSet(images.names([("orders", "n.test", Mode.SUBTREE)]))
    shutil.rmtree(images.folder)

    assert tables.matches(to_wire(b"n.test"))


def test_a_handoff_reports_nothing_taken_before_a_loop_takes() -> None:
    handoff = Handoff()
    ticket = handoff.give(TableSet())

    assert ticket > 0
    assert handoff.taken() == 0
    assert handoff.give(TableSet()) > ticket


def test_the_lists_of_a_name_are_bits_of_a_mask(images: Images) -> None:
    tables = TableSet(
        images.names(
            [("orders", "n.test", Mode.SUBTREE), ("malware", "www.n.test", Mode.EXACT), ("help", "n.test", Mode.BELOW)]
        )
    )

    assert tables.matched(b"n.test") == 0b10
    assert tables.matched(b"WWW.N.test.") == 0b10001010
    assert tables.matched(b"free.test") == 0


def test_a_list_past_the_63rd_has_its_bit_too(images: Images) -> None:
    path = images.folder / "many.img"
    builder = NamesBuilder(bytes(16), [ListSpec(f"l{i}", 2, 0, 4, False) for i in range(128)])
    for number in (0, 64, 127):
        builder.add(to_wire(b"n.test"), number, Mode.EXACT)
    with path.open("wb") as out:
        builder.build(out, 1)

    assert TableSet(open_image(path, ImageKind.NAMES)).matched(b"n.test") == 1 | 1 << 64 | 1 << 127


@pytest.mark.parametrize("name", [b"", b"a..b", b"192.0.2.1", b"a b.test", "ü.test".encode()])
def test_text_that_is_no_name_has_no_lists(name: bytes) -> None:
    with pytest.raises(ValueError, match=r"label|empty"):
        TableSet().matched(name)
    with pytest.raises(ValueError, match=r"label|empty"):
        TableSet().matched_each([b"n.test", name])


def test_the_lists_are_told_by_number(images: Images) -> None:
    images.try_out("malware")
    lists = TableSet(images.names([])).lists

    assert [each.id for each in lists] == [spec.id for spec in LISTS]
    assert lists[0] == ("csam", Tier.CSAM, Action.SPLASH, True, 0)
    assert lists[NUMBER["malware"]] == ("malware", Tier.SECURITY, Action.SHADOW, False, 0)
    assert TableSet().lists == []


def test_what_a_list_in_the_shadow_says_of_a_name_is_shadow_whatever_its_entry_says(images: Images) -> None:
    images.try_out("malware")
    entries = [
        ("malware", "a.test", Mode.SUBTREE, Action.NODATA),
        ("malware", "ok.a.test", Mode.EXACT, Action.PASSTHRU),
    ]

    said = TableSet(images.names(entries)).matches(to_wire(b"ok.a.test"))

    assert [each.action for each in said] == [Action.PASSTHRU, Action.SHADOW]
