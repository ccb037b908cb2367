from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgmt.text.accept import preferred_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ur"),
        ("en", "en"),
        ("ur", "ur"),
        ("en-GB,en;q=0.9,ur;q=0.8", "en"),
        ("ur-PK,en;q=0.9", "ur"),
        ("de,fr;q=0.5", "ur"),
        ("en;q=0.3, ur;q=0.7", "ur"),
        ("en;q=0", "ur"),
        ("EN", "en"),
        ("en;q=2", "ur"),
        ("*", "ur"),
        ("en;q=x,ur;q=0.1", "ur"),
        (",".join(["de"] * 20 + ["en"]), "ur"),
    ],
)
def test_the_language_with_the_highest_weight_comes_first(header: Any, language: str) -> None:
    assert preferred_language(header, "ur") == language


@given(st.text())
def test_any_header_gives_one_of_the_two(header: Any) -> None:
    assert preferred_language(header, "ur") in ("en", "ur")
