from fastpath.images.layout import ImageKind, Limit
from rules.base.category import MAX_NUMBER


def test_kinds_are_the_numbers_that_stand_in_headers() -> None:
    assert {kind.name: int(kind) for kind in ImageKind} == {
        "NAMES": 1,
        "URLS": 2,
        "SUBSCRIBERS": 4,
        "POLICY": 5,
        "ORIGINS": 6,
    }


def test_the_masks_have_room_for_every_category_that_may_be_configured() -> None:
    assert Limit.CATEGORIES == MAX_NUMBER + 1
