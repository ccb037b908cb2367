from fastpath.images.layout import ImageKind


def test_kinds_are_the_numbers_that_stand_in_headers() -> None:
    assert {kind.name: int(kind) for kind in ImageKind} == {
        "NAMES": 1,
        "URLS": 2,
        "SUBSCRIBERS": 4,
        "POLICY": 5,
        "ORIGINS": 6,
    }
