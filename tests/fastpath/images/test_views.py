"""Images with a right checksum that were not written by our writers are refused, or answer from inside themselves."""

import struct
from pathlib import Path

import pytest
from support.images.forged import forge
from support.images.opened import Images

from fastpath.images.image import BadImage, Image, open_image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.wire.name import to_wire

LISTS, BLOOM, LINES, COLD_AT, COLD, SET_AT, SETS, DATA_AT, DATA = range(9)
RANGES4, RANGES6 = range(2)
SUBSCRIBERS, PROFILE_OF, PROFILES, CLOSED = range(4)
NOT_USED = "; not used; compile it again"


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


@pytest.mark.parametrize("section", [LISTS, BLOOM, LINES, COLD_AT, SET_AT, SETS, DATA_AT])
def test_half_a_row_of_names_is_refused(names: Image, section: int) -> None:
    assert_refused("a section of no whole number of rows", forge(names, section, 0, b"", length=3))


@pytest.mark.parametrize("section", [BLOOM, LINES, COLD_AT, SET_AT, DATA_AT])
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


@pytest.mark.parametrize("number", [9, 127, 128, 255])
def test_an_entry_of_a_list_that_is_not_there_is_refused(names: Image, number: int) -> None:
    assert_refused("an entry of a list that it does not have", forge(names, SETS, 12 * 11 + 8, bytes([number])))


@pytest.mark.parametrize("mode", [0, 4, 255])
def test_an_entry_of_an_unknown_mode_is_refused(names: Image, mode: int) -> None:
    assert_refused("an entry of an unknown mode", forge(names, SETS, 12 * 11 + 9, bytes([mode])))


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


def test_a_slot_of_a_set_past_the_last_matches_nothing(names: Image) -> None:
    begin, n = struct.unpack_from("<QQ", Path(names.path).read_bytes(), 72 + 16 * LINES)
    words = list(struct.unpack_from(f"<{n // 8}Q", Path(names.path).read_bytes(), begin))
    astray = [word | 0xFFFFFF if word else 0 for word in words]
    tables = TableSet(forge(names, LINES, 0, struct.pack(f"<{n // 8}Q", *astray)))

    assert [tables.matched(f"n{i}.test".encode()) for i in range(12)] == [0] * 12


@pytest.mark.parametrize("octet", [0xFF, 0x80, 0x7F, 0x00])
def test_records_that_run_out_of_their_line_match_nothing(names: Image, octet: int) -> None:
    tables = TableSet(forge(names, COLD, 0, bytes([octet]) * names.section_octets()[COLD]))

    assert [tables.matched(f"n{i}.test".encode()) for i in range(12)] == [0] * 12


def test_lines_without_a_free_slot_end_the_search(names: Image) -> None:
    full = b"\1" * names.section_octets()[LINES]
    tables = TableSet(forge(names, LINES, 0, full))

    assert tables.matched(b"n7.test") == 0


@pytest.fixture
def data_names(images: Images) -> Image:
    local = bytes.fromhex("0001 0000003c 0004 c0000201")
    return images.names(
        [("malware", f"n{i}.test", Mode.EXACT, Action.LOCAL_DATA, 0, local + bytes([i])) for i in range(2)]
    )


@pytest.mark.parametrize("number", [3, 255, 0xFFFFFFFF])
def test_an_entry_of_local_data_that_is_not_there_is_refused(data_names: Image, number: int) -> None:
    forged = forge(data_names, SETS, 12 + 4, struct.pack("<I", number))
    assert_refused("an entry of local data that it does not have", forged)


@pytest.mark.parametrize(("at", "octets"), [(0, b"\1"), (4, b"\xff" * 4), (8, b"\x0c"), (8, b"\xff")])
def test_local_data_that_are_not_one_behind_the_other_are_refused(data_names: Image, at: int, octets: bytes) -> None:
    assert_refused("its local data do not follow each other", forge(data_names, DATA_AT, at, octets))


def test_local_data_past_the_last_are_refused(data_names: Image) -> None:
    shorter = data_names.section_octets()[DATA] - 1
    assert_refused("its local data do not follow each other", forge(data_names, DATA, 0, b"", length=shorter))


def test_a_refused_image_is_refused_again_and_a_good_one_is_served_again(names: Image) -> None:
    forged = forge(names, SETS, 12 * 11 + 9, b"\x09")
    for _ in range(2):
        assert_refused("an entry of an unknown mode", forged)
    TableSet(names)

    assert TableSet(names).matched(b"n3.test")


@pytest.mark.parametrize(("section", "at"), [(RANGES4, 0), (RANGES6, 0), (RANGES6, 8)])
def test_ranges_that_do_not_begin_at_address_0_are_refused(subscribers: Image, section: int, at: int) -> None:
    assert_refused("ranges do not begin at address 0", None, None, forge(subscribers, section, at, b"\1"))


@pytest.mark.parametrize(
    ("section", "at", "start"),
    [
        (RANGES4, 8, bytes(4)),
        (RANGES4, 16, bytes(4)),
        (RANGES4, 16, b"\x00\x02\x00\xc0"),
        (RANGES4, 8, b"\xff" * 4),
        (RANGES6, 24, bytes(16)),
        (RANGES6, 48, bytes(16)),
        (RANGES6, 24, b"\xff" * 16),
    ],
)
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


@pytest.mark.parametrize(
    ("at", "octets"),
    [(40, b"\5"), (52, b"\5"), (40, b"\xff" * 4), (52, b"\xff" * 2), (64 + 40, b"\4")],
)
def test_a_profile_of_closed_intervals_that_are_not_there_is_refused(policy: Image, at: int, octets: bytes) -> None:
    forged = forge(policy, PROFILES, at, octets)
    assert_refused("a profile of closed intervals that it does not have", None, None, None, None, forged)


def test_a_profile_of_a_safe_search_that_is_none_is_refused(policy: Image) -> None:
    TableSet(None, None, None, None, forge(policy, PROFILES, 57, b"\2"))
    forged = forge(policy, PROFILES, 57, b"\3")
    assert_refused("a profile with an unknown value of safe search", None, None, None, None, forged)


@pytest.mark.parametrize(
    ("at", "octets", "why"),
    [
        (56, b"\1", "a profile of spans that it does not have"),
        (44, b"\xff" * 4, "a profile of spans that it does not have"),
        (54, b"\1", "a profile of names that it does not have"),
        (48, b"\xff" * 4, "a profile of names that it does not have"),
        (58, b"\3", "a profile with an unknown value of safe search"),
    ],
)
def test_a_profile_of_what_is_not_there_is_refused(policy: Image, at: int, octets: bytes, why: str) -> None:
    assert_refused(why, None, None, None, None, forge(policy, PROFILES, at, octets))


def test_hours_that_leave_open_what_is_not_there_are_refused(policy: Image) -> None:
    forged = forge(policy, CLOSED, 4, b"\1")
    assert_refused("a closed interval that leaves open what it does not have", None, None, None, None, forged)


@pytest.mark.parametrize(
    ("closes", "opens", "why"),
    [
        (0, 0, "a span that is neither a closure nor a grant"),
        (1, 1, "a span that is neither a closure nor a grant"),
        (0, 8, "a grant that opens a pause"),
    ],
)
def test_a_span_that_means_nothing_is_refused(images: Images, closes: int, opens: int, why: str) -> None:
    policy = images.policy([(7, ProfileSpec(0, (), 0, 0, spans=((0, 60, closes, opens),)))])
    assert_refused(why, None, None, None, None, policy)


def test_a_closed_interval_that_leaves_the_week_is_refused(policy: Image) -> None:
    TableSet(None, None, None, None, forge(policy, CLOSED, 8, struct.pack("<HH", 10079, 1)))
    forged = forge(policy, CLOSED, 8, struct.pack("<HH", 10079, 2))
    assert_refused("a closed interval that leaves the week", None, None, None, None, forged)
