import io

import pytest
from support.images.opened import KEY, LISTS, NUMBER, Images

from fastpath.images.image import Image, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.origins import Origins, write_origins
from fastpath.images.tables import TableSet
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_wire

FOLDING = [spec._replace(folds=spec.id != "orders") for spec in LISTS]
LOCAL = bytes.fromhex("0001 0000003c 0004 c0000201")

Row = (
    tuple[str, str, Mode]
    | tuple[str, str, Mode, int]
    | tuple[str, str, Mode, int, int]
    | (tuple[str, str, Mode, int, int, bytes])
)


def built(entries: list[tuple[str, int]], generation: int = 1) -> tuple[bytes, dict[str, int]]:
    builder = NamesBuilder(KEY, LISTS)
    for name, list_number in entries:
        builder.add(to_wire(name.encode()), list_number, Mode.SUBTREE)
    out = io.BytesIO()
    stats = builder.build(out, generation)
    return out.getvalue(), stats | {"written": len(out.getvalue())}


def test_equal_input_gives_equal_octets() -> None:
    entries = [(f"n{i}.test", 1 + i % 3) for i in range(500)]

    assert built(entries)[0] == built(entries)[0]


def test_the_order_of_different_names_does_not_show_in_the_octets() -> None:
    entries = [(f"n{i}.test", 1 + i % 3) for i in range(500)]
    one, two = io.BytesIO(), io.BytesIO()
    for out, order in ((one, entries), (two, entries[::-1])):
        builder = NamesBuilder(KEY, LISTS)
        for name, number in order:
            builder.add(to_wire(name.encode()), number, Mode.SUBTREE)
        builder.build(out, 1)

    # sets are numbered in the order of the hashes, so nothing of the order of arrival is left
    assert one.getvalue() == two.getvalue()


def test_the_statistics_count_names_entries_and_sets() -> None:
    _, stats = built([("a.test", 1), ("a.test", 2), ("b.test", 1), ("b.test", 1), ("c.test", 1)])

    assert (stats["names"], stats["entries"], stats["sets"]) == (3, 5, 2)
    assert stats["bytes"] == stats["written"]


@pytest.mark.parametrize(
    ("wire", "list_number", "mode", "action", "said"),
    [
        (b"\x04test", 1, 1, 4, "not one name"),
        (b"\x00", 1, 1, 4, "not one name"),
        (b"\x04test\x00x", 1, 1, 4, "not one name"),
        (b"\x04test\x00", 99, 1, 4, "there are 9"),
        (b"\x04test\x00", 1, 4, 4, "mode 4"),
        (b"\x04test\x00", 1, 1, 8, "action 8"),
        (b"\x04test\x00", 1, 1, -2, "action -2"),
    ],
)
def test_what_is_no_entry_is_refused(wire: bytes, list_number: int, mode: int, action: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NamesBuilder(KEY, LISTS).add(wire, list_number, mode, action)


@pytest.mark.parametrize(
    ("action", "data", "said"),
    [
        (Action.SPLASH, LOCAL, "only 7 has any"),
        (Action.NO_ACTION, LOCAL, "only 7 has any"),
        (Action.LOCAL_DATA, bytes(65536), "one answer holds 65535"),
    ],
)
def test_data_that_no_answer_can_hold_is_refused(action: Action, data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NamesBuilder(KEY, LISTS).add(b"\x04test\x00", 1, 1, action, 0, data)


def test_a_part_past_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="part 65536"):
        NamesBuilder(KEY, LISTS).add(b"\x04test\x00", 1, 1, part=65536)


def test_local_data_comes_back_as_it_was_given(images: Images) -> None:
    tables = TableSet(
        images.names(
            [
                ("malware", "a.test", Mode.EXACT, Action.LOCAL_DATA, 0, LOCAL),
                ("malware", "b.test", Mode.EXACT, Action.LOCAL_DATA, 0, LOCAL * 2),
                ("malware", "c.test", Mode.EXACT, Action.LOCAL_DATA),
            ]
        )
    )

    number = NUMBER["malware"]
    assert tables.base_entries(to_wire(b"a.test")) == [(number, Mode.EXACT, Action.LOCAL_DATA, 0, LOCAL)]
    assert tables.base_entries(to_wire(b"b.test")) == [(number, Mode.EXACT, Action.LOCAL_DATA, 0, LOCAL * 2)]
    assert tables.base_entries(to_wire(b"c.test")) == [(number, Mode.EXACT, Action.LOCAL_DATA, 0, b"")]
    assert tables.decide(to_wire(b"a.test"), None, 0).action is Action.LOCAL_DATA


# -- folding ---------------------------------------------------------------------------------------------------------


def folded(images: Images, rows: list[Row], base: Image | None = None) -> tuple[Image, dict[str, int]]:
    """An image of lists that all fold but the orders."""
    builder = NamesBuilder(KEY, FOLDING)
    for line, (list_id, name, *rest) in enumerate(rows, 1):
        builder.add(to_wire(name.encode()), NUMBER[list_id], *rest, line=line)  # type: ignore[misc]  # a row ends before the line
    images.generation += 1
    path = images.folder / f"folded-{images.generation}.img"
    with path.open("wb") as out:
        stats = builder.build(out, images.generation, base.generation if base is not None else 0)
    return open_image(path, ImageKind.NAMES), stats


def test_a_child_that_says_what_its_parent_says_is_folded_and_still_matches(images: Images) -> None:
    image, stats = folded(
        images,
        [
            ("adult", "bad.test", Mode.SUBTREE),
            ("adult", "www.bad.test", Mode.SUBTREE),
            ("adult", "a.b.bad.test", Mode.EXACT),
            ("adult", "other.test", Mode.EXACT),
        ],
    )

    assert (stats["names"], stats["entries"], stats["folded"]) == (2, 4, 2)
    assert [match.rule for match in TableSet(image).matches(to_wire(b"www.bad.test"))] == ["bad.test"]
    assert TableSet(image).matched(b"x.a.b.bad.test") == 1 << NUMBER["adult"]


@pytest.mark.parametrize(
    "child",
    [
        ("adult", "www.bad.test", Mode.EXACT, Action.PASSTHRU),
        ("adult", "www.bad.test", Mode.SUBTREE, Action.NXDOMAIN),
        ("adult", "www.bad.test", Mode.BELOW, Action.NO_ACTION, 7),
        ("games", "www.bad.test", Mode.SUBTREE),
    ],
)
def test_a_child_that_says_something_else_is_kept(images: Images, child: Row) -> None:
    _, stats = folded(images, [("adult", "bad.test", Mode.SUBTREE), child])

    assert (stats["names"], stats["folded"]) == (2, 0)


def test_a_child_of_other_local_data_is_kept(images: Images) -> None:
    _, stats = folded(
        images,
        [
            ("malware", "bad.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, LOCAL),
            ("malware", "a.bad.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, LOCAL),
            ("malware", "b.bad.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, LOCAL * 2),
        ],
    )

    assert stats["folded"] == 1


def test_the_lists_own_action_and_the_same_one_said_aloud_are_equal(images: Images) -> None:
    _, stats = folded(
        images, [("adult", "bad.test", Mode.SUBTREE), ("adult", "www.bad.test", Mode.SUBTREE, Action.SPLASH)]
    )

    assert stats["folded"] == 1


def test_an_exact_parent_covers_nothing_and_a_below_parent_only_what_is_below(images: Images) -> None:
    _, stats = folded(
        images,
        [
            ("adult", "exact.test", Mode.EXACT),
            ("adult", "www.exact.test", Mode.SUBTREE),
            ("adult", "below.test", Mode.BELOW),
            ("adult", "www.below.test", Mode.SUBTREE),
        ],
    )

    assert (stats["names"], stats["folded"]) == (3, 1)


def test_the_nearest_parent_counts_and_not_one_further_up(images: Images) -> None:
    _, stats = folded(
        images,
        [
            ("adult", "bad.test", Mode.SUBTREE),
            ("adult", "ok.bad.test", Mode.SUBTREE, Action.PASSTHRU),
            ("adult", "again.ok.bad.test", Mode.SUBTREE),
        ],
    )

    assert stats["folded"] == 0


def test_all_that_a_list_has_for_a_name_folds_or_nothing(images: Images) -> None:
    _, stats = folded(
        images,
        [
            ("adult", "bad.test", Mode.SUBTREE),
            ("adult", "www.bad.test", Mode.EXACT),
            ("adult", "www.bad.test", Mode.BELOW, Action.PASSTHRU),
        ],
    )

    assert stats["folded"] == 0


def test_what_other_lists_have_for_a_folded_name_stays(images: Images) -> None:
    image, stats = folded(
        images,
        [
            ("adult", "bad.test", Mode.SUBTREE),
            ("adult", "www.bad.test", Mode.SUBTREE),
            ("orders", "www.bad.test", Mode.SUBTREE, 255, 3),
        ],
    )

    assert (stats["names"], stats["folded"]) == (2, 1)
    assert TableSet(image).base_entries(to_wire(b"www.bad.test")) == [(NUMBER["orders"], Mode.SUBTREE, 255, 3, b"")]


def test_a_list_that_does_not_fold_keeps_everything(images: Images) -> None:
    _, stats = folded(images, [("orders", "bad.test", Mode.SUBTREE), ("orders", "www.bad.test", Mode.SUBTREE)])

    assert (stats["names"], stats["folded"]) == (2, 0)


def test_a_confidential_list_does_not_fold_since_no_name_of_it_is_kept(images: Images) -> None:
    image, stats = folded(images, [("csam", "bad.test", Mode.SUBTREE), ("csam", "www.bad.test", Mode.SUBTREE)])

    assert (stats["names"], stats["folded"]) == (2, 0)
    assert TableSet(image).matched(b"www.bad.test") == 1 << NUMBER["csam"]


def test_a_delta_never_folds_since_what_it_leaves_out_is_the_bases(images: Images) -> None:
    base, _ = folded(images, [("orders", "www.bad.test", Mode.SUBTREE, 255, 1), ("adult", "bad.test", Mode.SUBTREE)])
    delta, stats = folded(images, [("adult", "bad.test", Mode.SUBTREE), ("adult", "www.bad.test", Mode.SUBTREE)], base)

    assert (stats["names"], stats["folded"]) == (2, 0)
    assert TableSet(base, delta).matched(b"www.bad.test") == 1 << NUMBER["adult"]


# -- origins ---------------------------------------------------------------------------------------------------------


def test_origins_tell_of_folded_entries_too(images: Images) -> None:
    builder = NamesBuilder(KEY, FOLDING)
    for line, name in enumerate([b"bad.test", b"www.bad.test"], 7):
        builder.add(to_wire(name), NUMBER["adult"], Mode.SUBTREE, line=line, part=2)
    assert builder.build(io.BytesIO(), 5)["folded"] == 1
    path = images.folder / "origins.img"
    with path.open("wb") as out:
        n_octets = write_origins(out, 5, builder, UrlsBuilder(KEY, FOLDING))

    origins = Origins(open_image(path, ImageKind.ORIGINS))

    assert (origins.generation, len(origins), path.stat().st_size) == (5, 2, n_octets)
    assert [(o.rule, o.line, o.part) for o in origins.of(to_wire(b"x.www.bad.test"))] == [
        ("www.bad.test", 8, 2),
        ("bad.test", 7, 2),
    ]


def test_a_builder_may_go_on_after_it_was_built(images: Images) -> None:
    builder = NamesBuilder(KEY, FOLDING)
    builder.add(to_wire(b"www.bad.test"), NUMBER["adult"], Mode.SUBTREE)
    assert builder.build(io.BytesIO(), 1)["folded"] == 0
    builder.add(to_wire(b"bad.test"), NUMBER["adult"], Mode.SUBTREE)

    assert builder.build(io.BytesIO(), 2)["folded"] == 1
    assert builder.build(io.BytesIO(), 2)["names"] == 1


# -- digests ---------------------------------------------------------------------------------------------------------


def digests_of(*names: str, list_number: int = NUMBER["csam"]) -> bytes:
    builder = NamesBuilder(KEY, LISTS)
    for name in names:
        builder.add(to_wire(name.encode()), list_number, Mode.SUBTREE)
    return builder.digests()


def test_digests_of_another_builder_give_the_image_of_its_names() -> None:
    builder, out = NamesBuilder(KEY, LISTS), io.BytesIO()
    builder.add_digests(digests_of("a.test", "b.test", "a.test"), NUMBER["csam"])
    stats = builder.build(out, 1)

    assert (
        out.getvalue() == built([("a.test", NUMBER["csam"]), ("b.test", NUMBER["csam"]), ("a.test", NUMBER["csam"])])[0]
    )
    assert (stats["names"], stats["entries"]) == (2, 3)


def test_digests_are_of_confidential_lists_alone_and_asked_for_before_the_image() -> None:
    with pytest.raises(ValueError, match="'orders': not confidential"):
        digests_of("a.test", list_number=NUMBER["orders"])
    with pytest.raises(ValueError, match="not confidential"):
        NamesBuilder(KEY, LISTS).add_digests(digests_of("a.test"), NUMBER["orders"])
    builder = NamesBuilder(KEY, LISTS)
    builder.add(to_wire(b"a.test"), NUMBER["csam"], Mode.SUBTREE)
    builder.build(io.BytesIO(), 1)
    with pytest.raises(ValueError, match="the image is built"):
        builder.digests()


@pytest.mark.parametrize(
    ("at", "value"), [(32, 0), (32, 4), (33, 7), (33, 200)], ids=["mode", "mode", "local", "action"]
)
def test_rows_that_no_builder_gives_are_refused(at: int, value: int) -> None:
    rows = bytearray(digests_of("a.test"))
    rows[at] = value

    with pytest.raises(ValueError, match=r"mode|action|local data"):
        NamesBuilder(KEY, LISTS).add_digests(bytes(rows), NUMBER["csam"])
    with pytest.raises(ValueError, match="a row has 40"):
        NamesBuilder(KEY, LISTS).add_digests(bytes(rows[:-1]), NUMBER["csam"])
    with pytest.raises(ValueError, match="there are"):
        NamesBuilder(KEY, LISTS).add_digests(digests_of("a.test"), 100)
