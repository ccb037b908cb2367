import pytest
from support.lists.outcomes import complaints, items, rules, urls

from fastpath.images.verdict import Action, Mode
from rules.base.errors import BadList
from rules.base.rule import Rule, UrlRule
from rules.base.urls import HAS_BLANK, IS_FRAGMENT, IS_SCHEME, IS_TWO_URLS
from rules.formats.addresses import BELOW_A_WILDCARD
from rules.formats.plain import iter_rules


def test_a_name_a_line_is_a_rule_with_its_line() -> None:
    found = items(iter_rules, "\n# a comment\nBad.Example.\r\n\n  worse.example  # why\n", Mode.EXACT)

    assert found == [
        Rule(b"\x03bad\x07example\x00", Mode.EXACT, Action.NO_ACTION, 3),
        Rule(b"\x05worse\x07example\x00", Mode.EXACT, Action.NO_ACTION, 5),
    ]


@pytest.mark.parametrize("line", ["*.bad.example", ".bad.example", "*.bad.example # all of it"])
def test_a_wildcard_or_a_dot_before_a_name_means_the_subtree(line: str) -> None:
    assert rules(items(iter_rules, line, Mode.EXACT)) == [("bad.example", Mode.SUBTREE)]


def test_an_international_name_is_read() -> None:
    assert rules(items(iter_rules, "bücher.example\n")) == [("xn--bcher-kva.example", Mode.SUBTREE)]


def test_one_bad_line_costs_only_itself() -> None:
    found = items(iter_rules, "a.example\n  b c.example\nd.example\n192.0.2.1\n*.\n")

    assert rules(found) == [("a.example", Mode.SUBTREE), ("d.example", Mode.SUBTREE)]
    assert complaints(found) == [
        (2, 3, "has a character that is not allowed in a host name"),
        (4, 1, "is an address"),
        (5, 1, "has a character that is not allowed in a host name"),
    ]


@pytest.mark.parametrize("line", ["http://bad.example/", "HTTPS://Bad.example", "bad.example/", "bad.example/#"])
def test_a_url_of_nothing_but_a_host_is_its_name(line: str) -> None:
    assert rules(items(iter_rules, line, Mode.EXACT)) == [("bad.example", Mode.EXACT)]


def test_a_comment_begins_behind_a_blank_only() -> None:
    found = items(iter_rules, "a.example # comment\nb.example\t#!\nhttp://c.example/d#e\nd.example#e\n#f.example\n")

    assert rules(found) == [("a.example", Mode.SUBTREE), ("b.example", Mode.SUBTREE)]
    assert urls(found) == [("c.example/d", Mode.EXACT)]
    assert complaints(found) == [(4, 1, IS_FRAGMENT)]


@pytest.mark.parametrize(
    ("line", "blocked"),
    [
        ("http://a.example/x https://b.example/y", ["a.example/x", "b.example/y"]),
        ("http://a.example/x, https://b.example/y", ["a.example/x", "b.example/y"]),
        ("a.example b.example", ["a.example", "b.example"]),
        ("a.example; *.b.example,c.example", ["a.example", "b.example", "c.example"]),
    ],
)
def test_several_addresses_in_a_line_are_several_rules(line: str, blocked: list[str]) -> None:
    found = items(iter_rules, line)

    assert [name for name, _ in (*rules(found), *urls(found))] == blocked
    assert complaints(found) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("http://a.example/some page.html", HAS_BLANK),
        ("http://a.example/ b.example", HAS_BLANK),
        ("http://a.example/x,http://b.example/y", IS_TWO_URLS),
        ("https//a.example", IS_SCHEME),
        ("https//a.example/x", IS_SCHEME),
        ("http://https://a.example/x", IS_SCHEME),
    ],
)
def test_a_url_that_could_only_be_dead_is_reported(line: str, reason: str) -> None:
    found = items(iter_rules, f"b.example\n  {line}\n")

    assert complaints(found) == [(2, 3, reason)]
    assert (rules(found), urls(found)) == ([("b.example", Mode.SUBTREE)], [])


def test_marks_that_nobody_sees_make_no_other_name() -> None:
    found = items(iter_rules, "a\u200cb.example\n\u200fc.example\nپاکستان\u200e.example\nنامه\u200cای.example\n")

    assert [name for name, _ in rules(found)] == [
        "ab.example",
        "c.example",
        "xn--mgbai9azgqp6j.example",
        "xn--mgba3gch31f060k.example",  # the joiner shapes its letters: a browser asks for this one
    ]


@pytest.mark.parametrize(
    ("line", "url", "mode"),
    [
        ("http://bad.example/a?b=1", b"bad.example/a?b=1", Mode.EXACT),
        ("bad.example/a/*", b"bad.example/a/", Mode.SUBTREE),
        ("bad.example:8080", b"bad.example:8080/", Mode.EXACT),
        ("hxxps://bad[.]example/a # why", b"bad.example/a", Mode.EXACT),
    ],
)
def test_a_url_that_is_narrower_than_its_host_is_a_url(line: str, url: bytes, mode: Mode) -> None:
    assert items(iter_rules, line, Mode.SUBTREE) == [UrlRule(url, mode, Action.NO_ACTION, 1)]


def test_a_url_below_a_wildcard_is_reported() -> None:
    assert complaints(items(iter_rules, "\n  *.bad.example/a\n")) == [(2, 3, BELOW_A_WILDCARD)]


def test_a_line_with_a_hidden_octet_is_reported_even_in_a_comment() -> None:
    found = items(iter_rules, b"bad.example # \xe2\x80\xae\nbad\0.example\n" + b"x" * 3000 + b"\n")

    assert [(line, column) for line, column, _ in complaints(found)] == [(1, 15), (2, 4), (3, 2049)]
    assert rules(found) == []


def test_a_page_instead_of_a_list_is_refused() -> None:
    with pytest.raises(BadList):
        items(iter_rules, "<!doctype html><p>not found")


def test_lines_are_read_one_by_one() -> None:
    def lines() -> object:
        yield b"a.example\n"
        raise AssertionError("read too far")

    assert next(iter_rules(lines(), Mode.EXACT)).line == 1  # type: ignore[arg-type]
