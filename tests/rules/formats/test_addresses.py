import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lists.outcomes import complaints, items, rules, urls
from support.lists.workbooks import table as sheet_of
from support.lists.workbooks import workbook

from fastpath.images.verdict import Mode
from fastpath.wire.name import to_text
from rules.base.errors import BadName
from rules.base.rule import Rule, UrlRule
from rules.base.urls import HAS_BLANK
from rules.formats import table, xlsx
from rules.formats.addresses import (
    OTHER_HOST,
    UNKNOWN_HEADING,
    Narrowest,
    clean,
    fault_of_text,
    holds_name,
    is_bare_address,
    is_blank,
    narrowest_of,
    rule_of_cell,
    rule_of_value,
)
from rules.lists.compiler.enforceability import Enforceability, enforceability_of

PIECES = st.sampled_from(
    [
        "http",
        "hxxp",
        "s",
        "://",
        "[:]//",
        "[.]",
        ".",
        "bad",
        "example",
        "/",
        "/*",
        "*.",
        '=HYPERLINK("',
        '")',
        "\u200b",
        "\u0661",
        "'",
        "\u202e",
        "\0",
        "?",
        "#",
        "@",
        ":",
        "8080",
        "[",
        "]",
        "\\",
        " ",
        "\ud800",
        "\udcff",
        "%2e",
        "é",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text())
def test_any_cell_and_any_value_is_a_rule_or_a_bad_name(text: str) -> None:
    for read in (rule_of_cell, rule_of_value):
        try:
            rule = read(text, Mode.EXACT, Mode.EXACT, 1)
        except BadName as exc:
            assert exc.reason
        else:
            assert rule.wire.endswith(b"\0") if isinstance(rule, Rule) else b"/" in rule.url


@given(st.from_regex(r"[a-z0-9]{1,9}(\.[a-z]{1,9}){1,2}", fullmatch=True))
def test_cleaning_twice_is_cleaning_once(name: str) -> None:
    for dirty in (name, f"hxxp://{name}/", name.replace(".", "[.]"), f"'{name}'", f'=HYPERLINK("{name}")'):
        assert clean(clean(dirty)) == clean(dirty)
        rule = rule_of_cell(dirty, Mode.SUBTREE, Mode.EXACT, 1)
        assert isinstance(rule, Rule)
        assert to_text(rule.wire) == name


@pytest.mark.parametrize(
    "value", ["bad[.]example", "'bad.example'", "hxxp://bad.example/", "*.bad.example", '=HYPERLINK("bad.example")']
)
def test_of_what_a_program_has_written_nothing_is_undone(value: str) -> None:
    with pytest.raises(BadName):
        rule_of_value(value, Mode.EXACT, Mode.EXACT, 1)


def test_a_star_in_a_programs_url_is_a_star() -> None:
    rule = rule_of_value("http://bad.example/a/*", Mode.EXACT, Mode.EXACT, 1)

    assert rule == UrlRule(b"bad.example/a/*", Mode.EXACT, rule.action, 1)


def test_digits_of_a_name_in_arabic_letters_are_left_to_the_canonical_name() -> None:
    assert clean("http://صفحة١.example/١") == "http://صفحة١.example/١"
    assert clean("http://a١.example/١") == "http://a1.example/١"


@pytest.mark.parametrize(
    ("text", "part"),
    [("a\0b", "NUL"), ("a\u202eb", "direction"), ("x" * 2049, "2048 octets"), ("é" * 1025, "2048 octets"), ("é", None)],
)
def test_the_faults_of_lines_are_faults_of_texts(text: str, part: str | None) -> None:
    fault = fault_of_text(text)

    assert fault is None if part is None else part in (fault or "")


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "",
            " ",
            "\u200b",
            "-",
            "--",
            "—",
            "...",
            "N/A",
            "n / a",
            "NA",
            "n.a.",
            "#N/A",
            "nil",
            "None",
            "NULL",
            "(null)",
        ),
        *("\\N", "'-'", "Not available", "not  applicable", "ندارد", "نہیں", "کوئی نہیں", "كوئي نہيں", "۔"),
    ],
)
def test_what_people_write_where_nothing_belongs_is_a_blank_cell(cell: str) -> None:
    assert is_blank(cell)


@pytest.mark.parametrize("cell", ["na.example", "none.example", "n/a.example", "1", "?", "=", "*", "http://n/a", "no"])
def test_anything_else_is_not(cell: str) -> None:
    assert not is_blank(cell)


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


def test_under_a_heading_that_is_not_known_a_page_of_the_host_waits_and_what_is_of_others_does_not_count() -> None:
    text = "Domain,Full path,Name server\n"
    text += "a.example,http://a.example/x,ns.a.example\nb.example,http://about.test/b,ns.b.example\nc.example,,\n"

    found = items(table.iter_rules, text)

    assert urls(found) == []
    assert rules(found) == [("b.example", Mode.SUBTREE), ("c.example", Mode.SUBTREE)]
    assert complaints(found) == [(2, 11, UNKNOWN_HEADING)]
    assert enforceability_of(UNKNOWN_HEADING) is Enforceability.PENDING_REVIEW


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
