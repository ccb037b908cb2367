import json
import shutil
import struct
from pathlib import Path

import pytest
import xxhash
from support.images import Images

from fastpath.image import BadImage, Image, open_image
from fastpath.layout import ImageKind
from fastpath.name import to_wire
from fastpath.pack import ListSpec, NamesBuilder, ProfileSpec
from fastpath.tables import Handoff, TableSet
from fastpath.verdict import Mode


def test_a_manifest_opens_every_image_that_it_names(images: Images) -> None:
    base = images.names([("orders", "n.test", Mode.SUBTREE)])
    delta = images.names([("orders", "m.test", Mode.SUBTREE)], base)
    manifest = images.folder / "current.json"
    manifest.write_text(json.dumps({"names": {"base": Path(base.path).name, "delta": Path(delta.path).name}}))

    tables = TableSet.open(manifest)

    assert tables.generations == {"names": (1, 2), "subscribers": (0, 0), "policy": (0, 0)}
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

    assert tables.base_entries(to_wire(b"n.test")) == [(1, Mode.SUBTREE, 255, 3), (4, Mode.EXACT, 255, 0)]
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


def test_measuring_lookups_takes_time(images: Images) -> None:
    tables = TableSet(images.names([("orders", "n.test", Mode.SUBTREE)]))

    assert tables.measure_lookups([to_wire(b"www.n.test")], 10) > 0


# -- images with a right checksum that were not written by fastpath.pack ---------------------------------------------

LISTS, BLOOM, LINES, COLD_AT, COLD, SET_AT, SETS = range(7)
RANGES4, RANGES6 = range(2)
SUBSCRIBERS, PROFILE_OF, PROFILES, CLOSED = range(4)
NOT_USED = "; not used; compile it again"


def forge(image: Image, section: int, at: int, octets: bytes, length: int | None = None) -> Image:
    """The image with `octets` at octet `at` of a section, that section's length changed, and a right checksum."""
    path = Path(image.path)
    data = bytearray(path.read_bytes())
    begin, n = struct.unpack_from("<QQ", data, 72 + 16 * section)
    assert at + len(octets) <= n
    data[begin + at : begin + at + len(octets)] = octets
    struct.pack_into("<Q", data, 80 + 16 * section, n if length is None else length)
    checksum = xxhash.xxh3_64(bytes(data[:40] + data[48:])).intdigest()
    struct.pack_into("<Q", data, 40, checksum)
    path.with_name("forged.img").write_bytes(data)
    return open_image(path.with_name("forged.img"), image.kind)


@pytest.fixture
def names(images: Images) -> Image:
    return images.names([("orders", f"n{i}.test", Mode.SUBTREE, 255, i) for i in range(12)])


@pytest.fixture
def subscribers(images: Images) -> Image:
    return images.subscribers([("192.0.2.0/24", 1), ("2001:db8::/48", 1)])


@pytest.fixture
def policy(images: Images) -> Image:
    profile = ProfileSpec(2, ((0, 60), (600, 60)), 0, 0)
    return images.policy([(7, profile), (8, profile)])


def assert_refused(why: str, *forged: Image | None) -> None:
    with pytest.raises(BadImage, match=why + NOT_USED):
        TableSet(*forged)


def test_a_forged_image_is_as_good_as_its_rows(names: Image) -> None:
    assert TableSet(forge(names, SETS, 0, b"")).matches(to_wire(b"n7.test"))


@pytest.mark.parametrize("section", [LISTS, BLOOM, LINES, COLD_AT, SET_AT, SETS])
def test_half_a_row_of_names_is_refused(names: Image, section: int) -> None:
    assert_refused("a section of no whole number of rows", forge(names, section, 0, b"", length=3))


@pytest.mark.parametrize("section", [BLOOM, LINES, COLD_AT, SET_AT])
def test_names_without_a_section_that_every_lookup_reads_are_refused(names: Image, section: int) -> None:
    assert_refused("its sections contradict each other", forge(names, section, 0, b"", length=0))


@pytest.mark.parametrize("at", [0, 4, 8])
def test_lines_whose_records_are_not_one_behind_the_other_are_refused(names: Image, at: int) -> None:
    assert_refused("its lines do not follow each other in its records", forge(names, COLD_AT, at, b"\xf0" * 4))


def test_records_behind_the_last_line_are_refused(names: Image) -> None:
    shorter = names.section_octets()[COLD] - 4
    assert_refused("its lines do not follow each other in its records", forge(names, COLD, 0, b"", length=shorter))


@pytest.mark.parametrize("at", [0, 4, 24, 48])
def test_sets_that_are_not_one_behind_the_other_are_refused(names: Image, at: int) -> None:
    assert_refused("its sets do not follow each other in its entries", forge(names, SET_AT, at, b"\xf0" * 4))


@pytest.mark.parametrize("number", [8, 127, 128, 255])
def test_an_entry_of_a_list_that_is_not_there_is_refused(names: Image, number: int) -> None:
    assert_refused("an entry of a list that it does not have", forge(names, SETS, 8 * 11 + 4, bytes([number])))


@pytest.mark.parametrize("mode", [0, 4, 255])
def test_an_entry_of_an_unknown_mode_is_refused(names: Image, mode: int) -> None:
    assert_refused("an entry of an unknown mode", forge(names, SETS, 8 * 11 + 5, bytes([mode])))


@pytest.mark.parametrize("category", [128, 255])
def test_a_list_of_a_category_that_no_mask_holds_is_refused(names: Image, category: int) -> None:
    assert_refused("a list of a category past the mask", forge(names, LISTS, 32 * 4 + 25, bytes([category])))


@pytest.mark.parametrize("tier", [0, 4, 11, 200])
def test_a_list_of_a_tier_that_holds_no_lists_is_refused(names: Image, tier: int) -> None:
    assert_refused("a list of a tier that holds no lists", forge(names, LISTS, 32 * 7 + 24, bytes([tier])))


def test_a_list_whose_id_is_not_ascii_is_refused(names: Image) -> None:
    assert_refused("the id of a list is not ASCII", forge(names, LISTS, 32 * 7 + 2, b"\xc3"))


def test_more_lists_than_a_mask_holds_are_refused(names: Image) -> None:
    path = Path(names.path).with_name("many.img")
    with path.open("wb") as out:
        NamesBuilder(bytes(16), [ListSpec(f"l{i}", 2, 0, 4, False) for i in range(128)]).build(out, 1)
    begin = struct.unpack_from("<Q", path.read_bytes(), 72 + 16 * BLOOM)[0]
    many = open_image(path, ImageKind.NAMES)

    assert begin == 384 + 128 * 32
    assert_refused("more lists than a mask holds", forge(many, LISTS, 0, b"", length=129 * 32))


def test_a_record_that_names_a_set_past_the_last_or_runs_out_of_its_line_matches_nothing(names: Image) -> None:
    for head in (b"\xff\xff\xff\xff", b"\x08\xff\xff\xff", b"\xff\x00\x00\x00", b"\x00\x00\x00\x00"):
        tables = TableSet(forge(names, COLD, 0, head))

        assert sum(bool(tables.matches(to_wire(f"n{i}.test".encode()))) for i in range(12)) < 12


@pytest.mark.parametrize(("section", "at"), [(RANGES4, 0), (RANGES6, 0), (RANGES6, 8)])
def test_ranges_that_do_not_begin_at_address_0_are_refused(subscribers: Image, section: int, at: int) -> None:
    assert_refused("ranges do not begin at address 0", None, None, forge(subscribers, section, at, b"\1"))


@pytest.mark.parametrize(("section", "at", "start"), [
    (RANGES4, 8, bytes(4)), (RANGES4, 16, bytes(4)), (RANGES4, 16, b"\x00\x02\x00\xc0"), (RANGES4, 8, b"\xff" * 4),
    (RANGES6, 24, bytes(16)), (RANGES6, 48, bytes(16)), (RANGES6, 24, b"\xff" * 16)])
def test_ranges_that_are_not_sorted_are_refused(subscribers: Image, section: int, at: int, start: bytes) -> None:
    assert_refused("ranges are not sorted", None, None, forge(subscribers, section, at, start))


@pytest.mark.parametrize("section", [RANGES4, RANGES6])
def test_half_a_range_is_refused(subscribers: Image, section: int) -> None:
    assert_refused("a section of no whole number of rows", None, None, forge(subscribers, section, 0, b"", length=20))


def test_a_family_without_ranges_knows_nobody(subscribers: Image) -> None:
    tables = TableSet(None, None, forge(subscribers, RANGES4, 0, b"", length=0))

    assert (tables.subscriber_of("192.0.2.1"), tables.subscriber_of("2001:db8::1")) == (None, 1)


@pytest.mark.parametrize("subscriber", [8, 9])
def test_a_policy_whose_subscribers_are_not_sorted_is_refused(policy: Image, subscriber: int) -> None:
    forged = forge(policy, SUBSCRIBERS, 0, bytes([subscriber]))
    assert_refused("its subscribers are not sorted", None, None, None, None, forged)


@pytest.mark.parametrize("index", [b"\2", b"\xff" * 4])
def test_a_subscriber_of_a_profile_that_is_not_there_is_refused(policy: Image, index: bytes) -> None:
    forged = forge(policy, PROFILE_OF, 4, index)
    assert_refused("a subscriber of a profile that it does not have", None, None, None, None, forged)


@pytest.mark.parametrize(("section", "length"), [(SUBSCRIBERS, 4), (PROFILE_OF, 4)])
def test_a_policy_whose_sections_contradict_each_other_is_refused(policy: Image, section: int, length: int) -> None:
    forged = forge(policy, section, 0, b"", length=length)
    assert_refused("its sections contradict each other", None, None, None, None, forged)


@pytest.mark.parametrize(("at", "octets"), [(40, b"\5"), (44, b"\5"), (40, b"\xff" * 4), (44, b"\xff" * 4),
                                            (48 + 40, b"\1\0\0\0\xff\xff\xff\xff")])
def test_a_profile_of_closed_intervals_that_are_not_there_is_refused(policy: Image, at: int, octets: bytes) -> None:
    forged = forge(policy, PROFILES, at, octets)
    assert_refused("a profile of closed intervals that it does not have", None, None, None, None, forged)


def test_a_closed_interval_that_leaves_the_week_is_refused(policy: Image) -> None:
    TableSet(None, None, None, None, forge(policy, CLOSED, 4, struct.pack("<HH", 10079, 1)))
    forged = forge(policy, CLOSED, 4, struct.pack("<HH", 10079, 2))
    assert_refused("a closed interval that leaves the week", None, None, None, None, forged)
