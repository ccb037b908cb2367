import io

import pytest
from support.lists.outcomes import complaints, items, rules, urls
from support.lists.workbooks import table as sheet_of
from support.lists.workbooks import workbook

from fastpath.images.verdict import Mode
from rules.compiler.enforceability import Enforceability, enforceability_of
from rules.formats import table, xlsx
from rules.formats.row_address import OTHER_HOST, Narrowest, holds_name, is_bare_address, narrowest_of
from rules.names.urls import HAS_BLANK

# The layout of Roskomnadzor's dump, without headings; several addresses and URLs stand in one cell
SAID = "ФНС;2-6-27/ 2026-08-04;2026-08-04"
DUMP = (
    f"192.0.2.7 | 192.0.2.8;mega.example;http://mega.example/a | https://mega.example/b;{SAID}\n"
    f"192.0.2.9;bad.example;;{SAID}\n"
    f"192.0.2.9;*.worse.example;;{SAID}\n"
    f"192.0.2.0/24;;;{SAID}\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_a_dump_of_address_host_and_url_closes_pages_where_it_names_some(encoding: str, delimiter: str) -> None:
    text = DUMP if delimiter != "|" else DUMP.replace(" | https://mega.example/b", "")
    found = items(table.iter_rules, text.replace(";", delimiter).encode(encoding))

    assert {name for name, _mode in urls(found)} >= {"mega.example/a"}
    assert rules(found) == [("bad.example", Mode.SUBTREE), ("worse.example", Mode.SUBTREE)]
    assert [line for line, _column, _reason in complaints(found)] == [4]


@pytest.mark.parametrize(
    ("cells", "cell"),
    [
        (["192.0.2.7", "bad.example", "http://bad.example/a"], 2),
        (["http://bad.example/a", "bad.example", "192.0.2.7"], 0),
        (["bad.example", "www.bad.example"], 1),
        (["www.bad.example", "bad.example"], 0),
        (["www.bad.example", "http://bad.example/a"], 1),
        (["bad.example", "bad.example:8080"], 1),
        (["*.bad.example", "bad.example"], 1),
        (["http://bad.example/*", "http://bad.example/a"], 1),
        (["http://bad.example/a/*", "http://bad.example/a/b"], 1),
        (["bad.example", "other.test"], 0),
        (["http://bad.example/", "https://about.test/bad"], 0),
        (["http://bad.example/", "http://bad.example/a"], 1),
        (["bad.example", "letter.pdf", "see page 3/4", "// as told", "11.5%"], 0),
    ],
)
def test_the_cell_that_says_least_counts_in_whichever_order_they_stand(cells: list[str], cell: int) -> None:
    assert narrowest_of(cells, (), (), frozenset()) == Narrowest(cell)


@pytest.mark.parametrize(
    "cells",
    [
        ["bad.example", "http://other.test/a"],
        ["bad.example", "http://192.0.2.7/a"],
    ],
)
def test_a_name_beside_a_url_of_another_host_waits_for_a_person(cells: list[str]) -> None:
    assert narrowest_of(cells, (), (), frozenset()) == Narrowest(1, OTHER_HOST)
    assert complaints(items(table.iter_rules, f"{';'.join(cells)}\n")) == [(1, len(cells[0]) + 2, OTHER_HOST)]
    assert enforceability_of(OTHER_HOST) is Enforceability.PENDING_REVIEW


def test_a_cell_of_several_names_gives_way_to_one_with_a_url_of_each() -> None:
    names, one, both = "a.example b.test", "http://a.example/x", "http://a.example/x http://b.test/y"

    assert narrowest_of([names, both], (0, 1), (), frozenset()) == Narrowest(1)
    assert narrowest_of([names, one], (0, 1), (), frozenset()) == Narrowest(1, OTHER_HOST)


def test_a_url_that_cannot_be_read_does_not_leave_its_host_to_be_closed() -> None:
    found = items(table.iter_rules, "bad.example;http://bad.example/some page\nbad.example;http://b ad.example/a\n")

    assert rules(found) == []
    assert complaints(found) == [(1, 13, HAS_BLANK), (2, 13, HAS_BLANK)]


def test_under_a_heading_that_nobody_knows_a_page_of_the_host_counts_and_what_is_of_others_does_not() -> None:
    text = "Domain,Full path,Name server\n"
    text += "a.example,http://a.example/x,ns.a.example\nb.example,http://about.test/b,ns.b.example\nc.example,,\n"

    found = items(table.iter_rules, text)

    assert urls(found) == [("a.example/x", Mode.EXACT)]
    assert rules(found) == [("b.example", Mode.SUBTREE), ("c.example", Mode.SUBTREE)]
    assert complaints(found) == []


def test_a_workbook_without_headings_closes_pages_too() -> None:
    octets = workbook({"a": sheet_of(("192.0.2.7", "bad.example", "http://bad.example/a"), ("", "N/A", "b.example"))})

    found = list(xlsx.iter_rules(io.BytesIO(octets), Mode.SUBTREE))

    assert urls(found) == [("bad.example/a", Mode.EXACT)]
    assert rules(found) == [("b.example", Mode.SUBTREE)]


@pytest.mark.parametrize("cell", ["bad.example", "http://bad.example/", "me@bad.example/a", "//bad", "b.example:80/a"])
def test_a_cell_without_a_heading_holds_a_name_or_a_url(cell: str) -> None:
    assert holds_name(cell)


@pytest.mark.parametrize("cell", ["", "bad", "N.A.", "192.0.2.7", "192.0.2.0/24", "me@bad.example", "4.8.2026", "=1.a"])
def test_what_is_neither_is_passed_over(cell: str) -> None:
    assert not holds_name(cell)


@pytest.mark.parametrize(
    ("cell", "is_address"), [("192.0.2.7", True), ("2001:db8::7", True), ("a.b", False), ("", False)]
)
def test_a_bare_address_is_told_from_a_name(cell: str, is_address: bool) -> None:
    assert is_bare_address(cell) == is_address
