import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lists.outcomes import complaints, items, rules, urls

from fastpath.images.verdict import Mode
from rules.base.canonical import IS_ADDRESS
from rules.base.errors import BadList
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.base.urls import HAS_BLANK, IS_FRAGMENT, IS_SCHEME, IS_TWO_URLS
from rules.formats import table
from rules.formats.addresses import BELOW_A_WILDCARD, FORMULA
from rules.formats.columns import (
    ABOVE_HEADINGS,
    ASKS_TO_UNBLOCK,
    EMPTY_CELL,
    NO_NAME,
    TOO_MANY_CELLS,
    TYPE_IS_NAME,
    UNKNOWN_TYPE,
    parse_columns,
)
from rules.formats.table import COMMENTED, UNCLOSED, iter_rules

SHEET = """S.No,URL,Category,Letter No,Date,Action
1,http://bad.example/,Decency/Immorality,PTA/WA/123/2026,04-08-2026,Block
2,https://video.example/watch?v=1,Glory of Islam,PTA/WA/123/2026,04-08-2026,Block
3,shop.example,,PTA/WA/124/2026,05-08-2026,Unblock
"""


def test_a_regulators_sheet_gives_names_and_urls_with_their_letter_and_reports_the_rest() -> None:
    found = items(iter_rules, SHEET)

    assert rules(found) == [("bad.example", Mode.SUBTREE)]
    assert urls(found) == [("video.example/watch?v=1", Mode.EXACT)]
    assert [(i.line, i.order_ref) for i in found if not isinstance(i, SkippedLine)] == [
        (2, "PTA/WA/123/2026"),
        (3, "PTA/WA/123/2026"),
    ]
    assert complaints(found) == [(4, 3, ASKS_TO_UNBLOCK)]


@pytest.mark.parametrize(
    "heading",
    ["URL", "Link", "website", " Domain ", "Web Address", '"Url"', "\ufeffURL", "Domain_Name", "Web  Address", "URL:"],
)
def test_the_address_column_is_found_by_its_heading(heading: str) -> None:
    found = items(iter_rules, f"No,Remark,{heading}\n1,other.example,bad.example\n")

    assert rules(found) == [("bad.example", Mode.SUBTREE)]


@pytest.mark.parametrize("row", ["bad.example,http://bad.example/a", "bad.example,bad.example/a"])
def test_of_a_domain_and_a_url_in_one_row_the_url_counts_for_it_says_less(row: str) -> None:
    found = items(iter_rules, f"Domain,URL\n{row}\nworse.example,\n")

    assert urls(found) == [("bad.example/a", Mode.EXACT)]
    assert rules(found) == [("worse.example", Mode.SUBTREE)]


def test_a_first_row_of_headings_none_of_which_is_an_address_is_no_row() -> None:
    found = items(iter_rules, "Sr. No,Particulars,Nature of content,Date\n1,bad.example,x.example,4.8.2026\n")

    assert rules(found) == [("bad.example", Mode.SUBTREE)]
    assert complaints(found) == []


def test_a_letterhead_above_the_headings_is_reported_and_gives_no_rule() -> None:
    head = "Authority of Example;;\n;www.authority.example;\n\nS.No;URL;Action\n"
    text = head + "1;bad.example;Block\n2;good.example;Unblock\n"

    found = items(iter_rules, text)

    assert rules(found) == [("bad.example", Mode.SUBTREE)]
    assert complaints(found) == [(1, 1, ABOVE_HEADINGS), (2, 1, ABOVE_HEADINGS), (6, 3, ASKS_TO_UNBLOCK)]


def test_a_single_word_below_the_first_row_makes_no_headings() -> None:
    assert [name for name, _ in rules(items(iter_rules, "a.example\nb.example\nsite\nc.example\n"))] == [
        "a.example",
        "b.example",
        "c.example",
    ]


def test_headings_that_are_repeated_are_no_row() -> None:
    found = items(iter_rules, "S.No,URL\n1,a.example\nS.No,URL\n2,b.example\n")

    assert [name for name, _ in rules(found)] == ["a.example", "b.example"]
    assert complaints(found) == []


def test_more_rows_than_a_list_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_ROWS", 2)

    with pytest.raises(BadList, match="line 3: more than 2 rows; not read; split it"):
        items(iter_rules, "a.example\nb.example\nc.example\n")


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = delimiter.join(["No", "URL", "Ref"]) + "\n" + delimiter.join(["1", "bad.example", "L/1"]) + "\n"

    (found,) = items(iter_rules, text)

    assert isinstance(found, Rule)
    assert found.order_ref == "L/1"


def test_without_headings_the_first_cell_that_holds_a_name_counts() -> None:
    text = "1,Decency,http://bad.example,04.08.2026\n2,04.08.2026,worse.example,x.example\n3,nothing,here\n"

    found = items(iter_rules, text)

    assert rules(found) == [("bad.example", Mode.SUBTREE), ("worse.example", Mode.SUBTREE)]
    assert complaints(found) == [(3, 1, NO_NAME)]


@pytest.mark.parametrize(
    "cell",
    [
        "bad.example",
        "BAD.example.",
        "http://bad.example",
        "https://bad.example/",
        "hxxp://bad.example/",
        "hxxps://bad[.]example",
        "hXXp[:]//bad[.]example/",
        "hxxp[://]bad(.)example",
        "bad[dot]example",
        "bad(.)example",
        "bad{.}example",
        "bad(dot)example",
        "\u00a0bad.example\u200b",
        "‘bad.example’",
        "'bad.example'",
        "<http://bad.example>",
        "http://someone:secret@bad.example/",
        "//bad.example/",
        "http:\\\\bad.example\\",
        "http://b%61d.example/",
        "http://bad.example:80/",
        "bad\u00ad.example",
        "http://bad.example/*",
        '"http://bad.example/"',
        '" bad.example "',
        '=HYPERLINK("http://bad.example/","here")',
        '"=HYPERLINK(""http://bad.example"",""here"")"',
        '=hyperlink("bad.example")',
        '= HYPERLINK( "hxxp://bad[.]example" , "a, b" )',
    ],
)
def test_what_spreadsheets_do_to_an_address_is_undone(cell: str) -> None:
    found = items(iter_rules, f"URL,Ref\n{cell},L/1\n")

    assert rules(found) == [("bad.example", Mode.SUBTREE)]
    assert [item.order_ref for item in found if isinstance(item, Rule)] == ["L/1"]


@pytest.mark.parametrize(
    ("cell", "url"),
    [
        ("http://bad.example/a", "bad.example/a"),
        ("bad.example/a", "bad.example/a"),
        ("http://bad.example?q", "bad.example/?q"),
        ("http://bad.example//a/", "bad.example/a/"),
        ("hxxps://bad[.]example/a", "bad.example/a"),
        ("http://bad.example:8080/", "bad.example:8080/"),
        ("http://192.0.2.1/a", "192.0.2.1/a"),
        ("http://bad.example/a(dot)b", "bad.example/a(dot)b"),
        ("http://bad.example/a#b", "bad.example/a"),
        ("'http://bad.example/a'", "bad.example/a"),
        ('"http://bad.example/a,b"', "bad.example/a,b"),
        ('=HYPERLINK("http://bad.example/a";"x")', "bad.example/a"),
    ],
)
def test_an_address_with_a_path_stays_a_url_and_matches_exactly(cell: str, url: str) -> None:
    found = items(iter_rules, f"URL,Ref\n{cell},1\n")

    assert urls(found) == [(url, Mode.EXACT)]
    assert rules(found) == []


@pytest.mark.parametrize(
    "row",
    [
        "http://bad.example/a/*,",
        "http://bad.example/a/,prefix",
        "http://bad.example/a/,Path Prefix",
        "http://bad.example/a/,block and everything below",
    ],
)
def test_a_url_is_a_prefix_where_the_row_says_so(row: str) -> None:
    assert urls(items(iter_rules, f"URL,Remarks\n{row}\n")) == [("bad.example/a/", Mode.SUBTREE)]


def test_arabic_digits_in_a_host_and_in_a_letter_are_digits() -> None:
    (found,) = items(iter_rules, "URL,Ref\nhttp://bad١۲.example/,PTA/WA/١٢٣\n")

    assert rules([found]) == [("bad12.example", Mode.SUBTREE)]
    assert isinstance(found, Rule)
    assert found.order_ref == "PTA/WA/123"


def test_a_wildcard_means_the_subtree_whatever_the_source_says() -> None:
    text = "URL\n*.bad.example\n.worse.example\nhttp://*.worst.example/\nplain.example\n"

    assert rules(items(iter_rules, text, Mode.EXACT)) == [
        ("bad.example", Mode.SUBTREE),
        ("worse.example", Mode.SUBTREE),
        ("worst.example", Mode.SUBTREE),
        ("plain.example", Mode.EXACT),
    ]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("ftp://bad.example/", "has a scheme that is neither http nor https"),
        ("192.0.2.1", IS_ADDRESS),
        ("bad example", "has a character that is not allowed in a host name"),
        ("", EMPTY_CELL),
        ("\u200b", EMPTY_CELL),
        ("*.bad.example/a", BELOW_A_WILDCARD),
        ("=1+1", FORMULA),
        ("=HYPERLINK(A1)", FORMULA),
        ('"=HYPERLINK(""http://""&A1)"', FORMULA),
        ("=bad.example", FORMULA),
    ],
)
def test_what_neither_a_name_nor_a_url_can_express_is_reported(cell: str, reason: str) -> None:
    found = items(iter_rules, f"URL,Ref\n{cell},1\n")

    assert rules(found) == urls(found) == []
    assert [(line, why) for line, _, why in complaints(found)] == [(2, reason)]


@pytest.mark.parametrize("row", ["bad.example,=1+1,Block", "bad.example,L/1,\"=cmd|'/C calc'!A0\""])
def test_a_formula_in_any_cell_that_is_read_is_reported(row: str) -> None:
    assert [reason for _, _, reason in complaints(items(iter_rules, f"URL,Ref,Action\n{row}\n"))] == [FORMULA]


def test_a_formula_in_a_cell_that_nobody_reads_is_no_fault() -> None:
    assert rules(items(iter_rules, "No,URL\n=ROW()-1,bad.example\n")) == [("bad.example", Mode.SUBTREE)]


ADDRESSES = [
    "bad.example",
    "http://bad.example/",
    "HTTPS://Bad.Example",
    " bad.example. ",
    "a..example",
    "192.0.2.1",
    "x/y",
    "-",
    "",
    "*.bad.example",
    ".bad.example",
    "bad.example//",
    "http:///bad.example",
    "bad.example:80",
    "http://bad.example/a",
    "http://bad.example/a'",
    "http://bad.example/a?b=c",
    "bad.example/a*",
    "http://bad.example/a/*",
    "http://a_b.example/%7e",
    "http://bad.example/a>",
    "http://bad.example/`",
    "<bad.example>",
    "=1+1",
    "http://1.2/",
    "http://bad.example/./a/../b",
    "1.5",
    "n/a",
    "N.A.",
]


@given(
    st.sampled_from(ADDRESSES),
    st.sampled_from(["L/1", "", " L/1 ", "'L/1'", "=1"]),
    st.sampled_from(["Block", "", "Unblock", "blocked since May", "prefix", "exact", "subtree"]),
    st.booleans(),
)
def test_a_row_means_the_same_read_the_short_way_and_the_long_way(
    address: str, ref: str, action: str, has_headings: bool
) -> None:
    head = "URL,Ref,Action\n" if has_headings else "-,-,-\n"
    quoted = items(iter_rules, f'{head}"{address}","{ref}","{action}"\n', Mode.EXACT)
    unquoted = items(iter_rules, f"{head}{address},{ref},{action}\n", Mode.EXACT)

    assert [said(item) for item in quoted] == [said(item) for item in unquoted]


def said(item: Rule | UrlRule | SkippedLine) -> object:
    return item.reason if isinstance(item, SkippedLine) else item


@pytest.mark.parametrize(
    "action",
    [
        "Unblock",
        "UNBLOCKED",
        "un-block",
        "Un block",
        "Release",
        '"Unblock"',
        " unblock on appeal",
        "Please unblock",
        "Not to be blocked",
        "براه كرم بحال كريں",
    ],
)
def test_a_row_that_asks_to_unblock_is_reported(action: str) -> None:
    found = items(iter_rules, f"URL,Action\nbad.example,{action}\n")

    assert [reason for _, _, reason in complaints(found)] == [ASKS_TO_UNBLOCK]


def test_every_column_of_remarks_is_heard() -> None:
    found = items(iter_rules, "URL,Action,Remarks\nbad.example,Block,unblock\n")

    assert [reason for _, _, reason in complaints(found)] == [ASKS_TO_UNBLOCK]


IWF = "https://shared.example/a/b,url,2026-08-04\ndedicated.example,domain,2026-08-04\nhost.example,host,2026-08-04\n"


def test_a_column_map_reads_a_table_without_headings_by_the_type_of_each_row() -> None:
    found = list(iter_rules(IWF.encode().splitlines(True), Mode.EXACT, parse_columns("url:1;type:2;added:3")))

    assert urls(found) == [("shared.example/a/b", Mode.EXACT)]
    assert rules(found) == [("dedicated.example", Mode.SUBTREE), ("host.example", Mode.EXACT)]


def test_a_row_of_headings_above_numbered_columns_is_no_row() -> None:
    lines = b"url,type\nbad.example,domain\n".splitlines(True)

    assert rules(iter_rules(lines, Mode.EXACT, parse_columns("url:1;type:2"))) == [("bad.example", Mode.SUBTREE)]


def test_a_column_map_may_name_headings() -> None:
    lines = b"Kind of entry,Was ist es,When\ndomain,bad.example,today\n".splitlines(True)
    column_map = parse_columns({"url": "was ist es", "type": "Kind of Entry"})

    assert rules(iter_rules(lines, Mode.EXACT, column_map)) == [("bad.example", Mode.SUBTREE)]


def test_a_table_without_the_headings_of_its_map_is_refused_with_them() -> None:
    with pytest.raises(BadList, match="line 1: no headings Entry; not read"):
        list(iter_rules([b"a,b\n"], Mode.EXACT, parse_columns("url:Entry;type:2")))


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("bad.example,ip", 13, UNKNOWN_TYPE),
        ("bad.example,", 1, UNKNOWN_TYPE),
        ("bad.example/a,domain", 1, TYPE_IS_NAME),
        ("bad.example/a,host", 1, TYPE_IS_NAME),
        (",url", 1, EMPTY_CELL),
    ],
)
def test_a_row_whose_type_does_not_fit_is_reported(row: str, column: int, reason: str) -> None:
    found = list(iter_rules([row.encode()], Mode.SUBTREE, parse_columns("url:1;type:2")))

    assert complaints(found) == [(1, column, reason)]


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


def test_every_line_of_junk_is_reported() -> None:
    found = items(iter_rules, "URL\n" + "~ junk ~\n" * 10_000)

    assert len(complaints(found)) == 10_000
    assert complaints(found)[-1][0] == 10_001


def test_a_page_instead_of_a_table_is_refused() -> None:
    with pytest.raises(BadList):
        items(iter_rules, "<!DOCTYPE html>")


def test_a_cell_of_several_urls_is_a_rule_of_each() -> None:
    found = items(iter_rules, 'URL,Ref\n"http://a.example/x\nhttp://b.example/y",L/1\n"a.example, b.example",L/2\n')

    assert urls(found) == [("a.example/x", Mode.EXACT), ("b.example/y", Mode.EXACT)]
    assert rules(found) == [("a.example", Mode.SUBTREE), ("b.example", Mode.SUBTREE)]
    assert [item.order_ref for item in found if not isinstance(item, SkippedLine)] == ["L/1", "L/1", "L/2", "L/2"]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("http://a.example/some page.html", HAS_BLANK),
        ("http://a.example/ see b.example", HAS_BLANK),
        ("https//a.example", IS_SCHEME),
        ("http://a.example/#!/x", IS_FRAGMENT),
        ('"http://a.example/x,http://b.example/y"', IS_TWO_URLS),
    ],
)
def test_a_cell_that_could_only_be_dead_or_widened_is_reported_where_it_stands(cell: str, reason: str) -> None:
    found = items(iter_rules, f"No,URL\n1,{cell}\n")

    assert complaints(found) == [(2, 3 + cell.startswith('"'), reason)]


def test_a_row_whose_url_holds_the_delimiter_is_reported() -> None:
    found = items(iter_rules, "URL;Letter No\nhttp://a.example/;p;PTA/1\nhttp://b.example/;PTA/1\nc.example;PTA/1; ;\n")

    assert rules(found) == [("b.example", Mode.SUBTREE), ("c.example", Mode.SUBTREE)]
    assert complaints(found) == [(2, 1, TOO_MANY_CELLS)]


# As abuse.ch publishes it
URLHAUS = """################################################################
# abuse.ch URLhaus Database Dump (CSV - recent URLs only)      #
# Last updated: 2026-08-04 10:00:00 (UTC), see www.help.example #
################################################################
#
# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter
"2","2026-08-04 09:00:00","http://bad.example/a,b","online","","malware_download","elf,mips","https://about.test/url/2/","x"
"1","2026-08-04 08:00:00","http://worse.example/","offline","","malware_download","None","https://about.test/url/1/","x"
"""


def test_comments_are_no_rows_and_headings_may_stand_in_one() -> None:
    found = items(iter_rules, URLHAUS)

    assert urls(found) == [("bad.example/a,b", Mode.EXACT)]
    assert rules(found) == [("worse.example", Mode.SUBTREE)]
    assert complaints(found) == []


def test_a_row_may_begin_as_a_comment_does() -> None:
    found = items(iter_rules, "#,URL,Ref\n# of May\n#1,a.example,L/1\n#gambling,b.example,L/1\n")

    assert rules(found) == [("a.example", Mode.SUBTREE)]
    assert complaints(found) == [(4, 1, COMMENTED)]


def test_without_headings_what_divides_most_rows_divides_all() -> None:
    found = items(iter_rules, "a.example;x, y, z\nb.example;\nhttp://c.example/a,b;x\n")

    assert [*rules(found), *urls(found)] == [
        ("a.example", Mode.SUBTREE),
        ("b.example", Mode.SUBTREE),
        ("c.example/a,b", Mode.EXACT),
    ]
