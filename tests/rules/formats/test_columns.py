import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.images.verdict import Mode
from rules.base.canonical import IS_ADDRESS
from rules.base.errors import BadSource
from rules.base.rule import Rule, UrlRule
from rules.formats.columns import Columns, Fault, parse_columns, read_headings, read_row


@pytest.mark.parametrize("told", ["url:1;type:2", " url : 1 ;type:2;", {"url": 1, "type": "2"}, "domain:1;kind:2"])
def test_a_column_map_is_told_as_text_or_as_pairs(told: str | dict[str, object]) -> None:
    column_map = parse_columns(told)

    assert column_map.fields == (("type", "2"), ("url", "1"))
    assert not column_map.has_headings


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("type:2", "add url:NUMBER"),
        ("", "add url:NUMBER"),
        ("url", "'url' is not a pair"),
        ("url:0", "url: '0' is not a column"),
        ("url:257", "not a column"),
        ("url:99999999999999", "not a column"),
        ("url:", "not a column"),
        ("uri:1", "'uri' is not known"),
        ("url:1;domain:2", "url is repeated"),
    ],
)
def test_a_wrong_column_map_says_what_to_write(told: str, message: str) -> None:
    with pytest.raises(BadSource, match=message):
        parse_columns(told)


def test_headings_are_found_however_they_are_written() -> None:
    assert read_headings(
        ["S.No.", " Web_Address: ", "Nature  of Content", "PTA Letter No", "Date", "Remarks"]
    ) == Columns(addresses=(1,), order=3, remarks=(5,), others=frozenset({0, 2, 3, 4, 5}), width=6)


@pytest.mark.parametrize("heading", ["Website/URL", "Website / URL", " website/ URL:", "WEBSITE  /URL"])
def test_a_slash_in_a_heading_may_have_blanks_around_it(heading: str) -> None:
    found = read_headings(["S / No", heading])

    assert found is not None
    assert found.addresses == (1,)


def test_without_headings_a_row_with_nothing_but_a_bare_address_says_so() -> None:
    assert read_row(7, ["5", "192.0.2.7", "PTA/2"], Columns(), Mode.SUBTREE) == [Fault(1, IS_ADDRESS)]


def test_a_row_of_data_is_no_row_of_headings() -> None:
    assert read_headings(["1", "http://bad.example/", "Date"]) is None


CELLS = st.lists(
    st.sampled_from(["bad.example", "", "=1", "unblock", "\u202e", "a/b", "'", "[", "http://", "*.", "\0", "x" * 5000])
    | st.text(),
    max_size=6,
)
MAPS = st.sampled_from(
    [Columns(), Columns((0,), 1, None, (2,)), Columns((3, 0), 5, 1, (2, 4)), Columns((5,), 9, 9, (9,))]
)


@given(CELLS, MAPS, st.sampled_from(Mode))
def test_any_row_is_a_rule_or_a_fault_of_one_of_its_cells(cells: list[str], columns: Columns, mode: Mode) -> None:
    found = read_row(7, cells, columns, mode)

    assert found
    assert all(isinstance(item, Rule | UrlRule | Fault) for item in found)
    for fault in (item for item in found if isinstance(item, Fault)):
        assert fault.reason
        assert fault.cell is None or 0 <= fault.cell < len(cells)
