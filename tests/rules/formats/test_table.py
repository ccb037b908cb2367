import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lists import complaints, items, rules

from fastpath.verdict import Mode
from rules.errors import BadList
from rules.formats.table import (
    ASKS_TO_UNBLOCK,
    EMPTY_CELL,
    HAS_PATH,
    NO_NAME,
    OTHER_SCHEME,
    UNCLOSED,
    iter_rules,
)
from rules.rule import Rule

SHEET = """S.No,URL,Category,Letter No,Date,Action
1,http://bad.example/,Decency/Immorality,PTA/WA/123/2026,04-08-2026,Block
2,https://video.example/watch?v=1,Glory of Islam,PTA/WA/123/2026,04-08-2026,Block
3,shop.example,,PTA/WA/124/2026,05-08-2026,Unblock
"""


def test_a_regulators_sheet_gives_rules_with_their_letter_and_reports_the_rest() -> None:
    found = items(iter_rules, SHEET)

    assert [(item.line, item.order_ref) for item in found if isinstance(item, Rule)] == [(2, "PTA/WA/123/2026")]
    assert rules(found) == [("bad.example", Mode.SUBTREE)]
    assert complaints(found) == [(3, 3, HAS_PATH), (4, 3, ASKS_TO_UNBLOCK)]


@pytest.mark.parametrize(
    "heading",
    ["URL", "Link", "website", " Domain ", "Web Address", '"Url"', "\ufeffURL", "Domain_Name", "Web  Address"],
)
def test_the_address_column_is_found_by_its_heading(heading: str) -> None:
    found = items(iter_rules, f"No,Remark,{heading}\n1,other.example,bad.example\n")

    assert rules(found) == [("bad.example", Mode.SUBTREE)]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = delimiter.join(["No", "URL", "Ref"]) + "\n" + delimiter.join(["1", "bad.example", "L/1"]) + "\n"

    (found,) = items(iter_rules, text)

    assert isinstance(found, Rule)
    assert found.order_ref == "L/1"


def test_without_headings_the_first_cell_that_holds_a_name_counts() -> None:
    text = "1,Decency,http://bad.example,04.08.2026\n2,,worse.example,\n3,nothing,here\n"

    found = items(iter_rules, text)

    assert rules(found) == [("bad.example", Mode.SUBTREE), ("worse.example", Mode.SUBTREE)]
    assert complaints(found) == [(3, 1, NO_NAME)]


@pytest.mark.parametrize(
    "cell",
    ["bad.example", "BAD.example.", "http://bad.example", "https://bad.example/", "hxxp://bad.example/",
     "hxxps://bad[.]example",
     "bad[dot]example", "bad(.)example", "\u00a0bad.example\u200b", "‘bad.example’", "'bad.example'",
     "http://bad.example:8080/",
     "http://someone:secret@bad.example/", "http://bad.example/#top", "//bad.example/", "http:\\\\bad.example\\",
     "http://b%61d.example/",
     '"http://bad.example/"', '" bad.example "'],
)
def test_what_spreadsheets_do_to_an_address_is_undone(cell: str) -> None:
    assert rules(items(iter_rules, f"URL,Ref\n{cell},1\n")) == [("bad.example", Mode.SUBTREE)]


def test_a_wildcard_means_the_subtree_whatever_the_source_says() -> None:
    assert rules(items(iter_rules, "URL\n*.bad.example\n.worse.example\nplain.example\n", Mode.EXACT)) == [
        ("bad.example", Mode.SUBTREE), ("worse.example", Mode.SUBTREE), ("plain.example", Mode.EXACT),
    ]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("http://bad.example/a", HAS_PATH), ("bad.example/a", HAS_PATH), ("http://bad.example?q", HAS_PATH),
     ("http://bad.example//a/", HAS_PATH),
     ("ftp://bad.example/", OTHER_SCHEME), ("http://192.0.2.1/", "is an address"),
     ("http://[2001:db8::1]/", "is an address"),
     ("bad example", "holds a character that no host name may hold"), ("http:///", "is empty"), ("", EMPTY_CELL),
     ("\u200b", EMPTY_CELL)],
)
def test_what_a_name_cannot_express_is_reported_and_never_widened(cell: str, reason: str) -> None:
    found = items(iter_rules, f"URL,Ref\n{cell},1\n")

    assert rules(found) == []
    assert [(line, why) for line, _, why in complaints(found)] == [(2, reason)]


@given(
    st.sampled_from(["bad.example", "http://bad.example/", "HTTPS://Bad.Example", " bad.example. ", "a..example",
                     "192.0.2.1", "x/y", "-", "", "*.bad.example", ".bad.example", "bad.example//", "http:///bad.example",
                     "bad.example:80"]),
    st.sampled_from(["L/1", "", " L/1 ", "'L/1'"]),
    st.sampled_from(["Block", "", "Unblock", "blocked since May"]),
)
def test_a_row_means_the_same_quoted_and_unquoted(address: str, ref: str, action: str) -> None:
    quoted = items(iter_rules, f'URL,Ref,Action\n"{address}","{ref}","{action}"\n', Mode.EXACT)
    unquoted = items(iter_rules, f"URL,Ref,Action\n{address},{ref},{action}\n", Mode.EXACT)

    assert [item[:2] if isinstance(item, Rule) else item.reason for item in quoted] == [
        item[:2] if isinstance(item, Rule) else item.reason for item in unquoted
    ]
    assert [item.order_ref for item in quoted if isinstance(item, Rule)] == [
        item.order_ref for item in unquoted if isinstance(item, Rule)
    ]


@pytest.mark.parametrize("action", ["Unblock", "UNBLOCKED", "un-block", "Release", '"Unblock"', " unblock on appeal"])
def test_a_row_that_asks_to_unblock_is_reported(action: str) -> None:
    found = items(iter_rules, f"URL,Action\nbad.example,{action}\n")

    assert [reason for _, _, reason in complaints(found)] == [ASKS_TO_UNBLOCK]


def test_a_quoted_cell_with_a_line_break_belongs_to_its_row() -> None:
    found = items(iter_rules, 'URL,Remarks,Ref\nbad.example,"first\nsecond, third",L/1\nworse.example,,L/2\n')

    assert [(item.line, item.order_ref) for item in found if isinstance(item, Rule)] == [(2, "L/1"), (4, "L/2")]


def test_a_quote_that_is_never_closed_costs_only_its_row() -> None:
    found = items(iter_rules, 'URL,Ref\nbad.example,"L/1\n' + "".join(f"n{i}.example,L\n" for i in range(50)))

    assert len(rules(found)) == 50
    assert complaints(found) == [(2, 13, UNCLOSED)]


def test_blank_rows_are_silent_and_faulty_lines_are_located() -> None:
    text = b"URL,Ref\n\n,,\nbad\0.example,1\nbad\xe2\x80\xae.example,2\n" + b"x" * 3000 + b",3\n\xff.example,4\n"

    found = items(iter_rules, text)

    assert [(line, column) for line, column, _ in complaints(found)] == [(4, 4), (5, 4), (6, 2049), (7, 1)]


def test_a_page_instead_of_a_table_is_refused() -> None:
    with pytest.raises(BadList):
        items(iter_rules, "<!DOCTYPE html>")
