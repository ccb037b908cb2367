import pytest

from mgmt.text.cells import plain_cell


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_cell_that_would_be_a_formula_is_text(begin: str) -> None:
    assert plain_cell(f"{begin}1+1") == f"'{begin}1+1"


@pytest.mark.parametrize("text", ["", "a=1", "name.test", "192.0.2.1", "'=1", "اردو"])
def test_any_other_cell_is_as_it_was(text: str) -> None:
    assert plain_cell(text) == text
