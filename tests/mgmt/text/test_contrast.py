import pytest

from mgmt.text.contrast import LEAST, contrast


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#000000", 21.0),
        ("#777777", "#ffffff", 4.48),  # the grey that is known to be just too light
        ("#767676", "#ffffff", 4.54),
        ("#123456", "#123456", 1.0),
    ],
)
def test_the_contrast_of_two_colours_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


def test_a_text_needs_four_and_a_half() -> None:
    assert contrast("#777777", "#ffffff") < LEAST < contrast("#767676", "#ffffff")
