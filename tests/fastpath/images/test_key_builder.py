import pytest
from support.images.opened import KEY, LISTS

from fastpath.images.key_builder import KeyBuilder, ListSpec


def test_lists_that_do_not_fit_the_image_are_refused() -> None:
    with pytest.raises(ValueError, match="an image holds 128"):
        KeyBuilder(KEY, [ListSpec(f"l{n}", 2, 0, 4, False) for n in range(129)])
    with pytest.raises(ValueError, match="1 to 24 ASCII octets"):
        KeyBuilder(KEY, [ListSpec("a-list-id-that-is-far-too-long", 2, 0, 4, False)])
    with pytest.raises(ValueError, match="1 to 24 ASCII octets"):
        KeyBuilder(KEY, [ListSpec("لسٹ", 2, 0, 4, False)])
    with pytest.raises(ValueError, match="category 128"):
        KeyBuilder(KEY, [ListSpec("list", 9, 128, 4, False)])
    for tier, is_confidential in ((1, False), (2, True)):
        with pytest.raises(ValueError, match="action shadow"):
            KeyBuilder(KEY, [ListSpec("list", tier, 0, 8, is_confidential)])
    with pytest.raises(ValueError, match="a key has 16"):
        KeyBuilder(b"short", LISTS)


def test_a_list_does_not_fold_unless_it_says_so() -> None:
    assert not ListSpec("orders", 2, 0, 4, False).folds
    assert KeyBuilder(KEY, LISTS).lists == list(LISTS)


def test_lists_may_come_as_plain_tuples() -> None:
    plain = [("orders", 2, 0, 4, False, True)]

    built = KeyBuilder(KEY, plain)  # type: ignore[arg-type]  # no ListSpec on purpose

    assert built.lists == [ListSpec("orders", 2, 0, 4, False, True)]
