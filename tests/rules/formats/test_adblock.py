from collections.abc import Iterator
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lists.outcomes import actions, complaints, items, rules

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text
from rules.base.errors import BadList
from rules.base.rule import Rule, UrlRule
from rules.base.urls import IS_FRAGMENT
from rules.formats import adblock
from rules.formats.adblock import (
    ASTERISK,
    BAD_OPTION,
    COSMETIC,
    HAS_PATH,
    NO_END,
    NO_START,
    OVERRULED,
    REGULAR_EXPRESSION,
    iter_rules,
)

BLOCKED, OPEN = Action.NO_ACTION, Action.PASSTHRU


@pytest.mark.parametrize(
    ("line", "mode", "action"),
    [
        ("||bad.example^", Mode.SUBTREE, BLOCKED),
        ("||Bad.Example^|", Mode.SUBTREE, BLOCKED),
        ("||*.bad.example^", Mode.BELOW, BLOCKED),
        ("|bad.example^", Mode.EXACT, BLOCKED),
        ("|https://bad.example^", Mode.EXACT, BLOCKED),
        ("|http://bad.example/|", Mode.EXACT, BLOCKED),
        ("@@||bad.example^", Mode.SUBTREE, OPEN),
        ("@@|bad.example^", Mode.EXACT, OPEN),
        ("||bad.example^$important", Mode.SUBTREE, BLOCKED),
        ("@@||bad.example^$important", Mode.SUBTREE, OPEN),
        ("||bad.example^$all", Mode.SUBTREE, BLOCKED),
        ("bad.example", Mode.EXACT, BLOCKED),
        ("bad.example # why", Mode.EXACT, BLOCKED),
        ("0.0.0.0 bad.example", Mode.EXACT, BLOCKED),
        ("127.0.0.1\tbad.example # why", Mode.EXACT, BLOCKED),
    ],
)
def test_a_rule_of_whole_names_is_read(line: str, mode: Mode, action: Action) -> None:
    assert actions(items(iter_rules, line, Mode.EXACT)) == [("bad.example", mode, action)]


def test_a_bare_name_means_what_the_source_says() -> None:
    assert rules(items(iter_rules, "a.example\n0.0.0.0 b.example\n", Mode.SUBTREE)) == [
        ("a.example", Mode.SUBTREE),
        ("b.example", Mode.SUBTREE),
    ]


def test_a_whole_url_is_a_rule_of_this_url() -> None:
    found = items(iter_rules, "|https://Bad.example/a/../b?x=1|\n@@|http://bad.example/c|\n")

    assert found == [
        UrlRule(b"bad.example/b?x=1", Mode.EXACT, BLOCKED, 1),
        UrlRule(b"bad.example/c", Mode.EXACT, OPEN, 2),
    ]


@pytest.mark.parametrize(
    "line",
    ["! comment", "!", "# comment", "#", "### head ## line", "[Adblock Plus 2.0]", "[AdGuard]", "! ||a.example^"],
)
def test_comments_and_headers_say_nothing(line: str) -> None:
    assert items(iter_rules, line) == []


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("a.example##.ad", 1, COSMETIC),
        ("##.ad", 1, COSMETIC),
        ("a.example#@#.ad", 1, COSMETIC),
        ("a.example#$#body { color: red }", 1, COSMETIC),
        ("a.example$$script[id]", 1, COSMETIC),
        ("/ads[0-9]+$/", 1, REGULAR_EXPRESSION),
        ("@@/ok/", 3, REGULAR_EXPRESSION),
        ("/^ads/$important", 1, REGULAR_EXPRESSION),
        ("||a.example/ads^", 1, HAS_PATH),
        ("/banner/img.gif", 1, HAS_PATH),
        ("|https://a.example/b", 1, HAS_PATH),
        ("||a.example:8080^", 3, HAS_PATH),
        ("||ads*.example^", 3, ASTERISK),
        ("@@||*.a.example^", 5, ASTERISK),
        ("*", 1, ASTERISK),
        ("||a.example", 1, NO_END),
        ("||ads.", 1, NO_END),
        ("a.example^", 1, NO_START),
        (".example^", 1, NO_START),
        ("-pia.a.example^|", 1, NO_START),
        ("a.example## .ad", 1, COSMETIC),
        ("|http://a.example/#!/x|", 1, IS_FRAGMENT),
        ("||a.example^$third-party", 14, BAD_OPTION),
        ("||a.example^$important,client=1", 24, BAD_OPTION),
        ("||a.example^$dnsrewrite=NOERROR;A;192.0.2.1", 14, BAD_OPTION),
        ("||a.example^$badfilter", 14, BAD_OPTION),
        ("||a.example^$~script", 14, BAD_OPTION),
        ("@@||a.example^$denyallow=b.a.example", 16, BAD_OPTION),
        ("||192.0.2.1^", 1, "is an address"),
        ("||a..example^", 1, "has an empty label"),
        ("b c.example", 1, "has a character that is not allowed in a host name"),
        ("192.0.2.1 a.example", 1, "the address leads somewhere: the line redirects instead of blocking"),
    ],
)
def test_what_is_no_whole_name_is_reported_where_it_stands(line: str, column: int, reason: str) -> None:
    found = items(iter_rules, f"||ok.example^\n{line}\n")

    assert rules(found) == [("ok.example", Mode.SUBTREE)]
    assert complaints(found) == [(2, column, reason)]


@pytest.mark.parametrize(
    ("lines", "speaks"),
    [
        (["||a.test^", "@@||ok.a.test^"], [("a.test", BLOCKED), ("ok.a.test", OPEN)]),
        (["||ads.a.test^", "@@||a.test^"], [("a.test", OPEN)]),
        (["||a.test^", "@@||a.test^"], [("a.test", OPEN)]),
        (["||a.test^$important", "@@||a.test^"], [("a.test", BLOCKED)]),
        (["||a.test^$important", "@@||ok.a.test^"], [("a.test", BLOCKED)]),
        (["||ads.a.test^$important", "@@||a.test^"], [("ads.a.test", BLOCKED), ("a.test", OPEN)]),
        (["||a.test^$important", "@@||ok.a.test^$important"], [("a.test", BLOCKED), ("ok.a.test", OPEN)]),
        (["||ads.a.test^$important", "@@||a.test^$important"], [("a.test", OPEN)]),
        (["||nota.test^", "@@||a.test^"], [("nota.test", BLOCKED), ("a.test", OPEN)]),
        (["0.0.0.0 ads.a.test", "@@||a.test^"], [("a.test", OPEN)]),
        (["ads.a.test", "@@||a.test^"], [("a.test", OPEN)]),
        (["||a.test^", "@@|a.test^"], [("a.test", BLOCKED), ("a.test", OPEN)]),
        (["|a.test^", "@@|a.test^"], [("a.test", OPEN)]),
        (["||a.test^", "@@://a.test^|"], [("a.test", BLOCKED), ("a.test", OPEN)]),
        (["||ads.a.test^$important", "@@ads.a.test^"], [("ads.a.test", BLOCKED)]),
        (["||myads.a.test^", "@@ads.a.test^"], [("ads.a.test", OPEN)]),
        (["||a.test^", "@@.a.test^"], [("a.test", BLOCKED), ("a.test", OPEN)]),
        (["||x.a.test^", "@@.a.test^"], [("a.test", OPEN)]),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_an_exception_beats_a_rule_unless_that_is_important(
    lines: list[str], speaks: list[tuple[str, Action]], order: int
) -> None:
    found = items(iter_rules, "\n".join(lines[::order]), Mode.EXACT)

    assert sorted((name, action) for name, _, action in actions(found)) == sorted(speaks)
    assert {reason for *_, reason in complaints(found)} <= {OVERRULED}
    assert len(found) == 2


NAMES = ("a.test", "b.a.test", "c.b.a.test", "ba.test", "test")
MARKS = st.tuples(
    st.sampled_from(["", "@@"]),
    st.sampled_from(["||", "|"]),
    st.sampled_from(NAMES),
    st.sampled_from(["", "$important"]),
)


def is_blocked_by_filters(name: str, filters: list[tuple[str, str, str, str]]) -> bool:
    """By the words of AdGuard's documentation: important exceptions, important rules, exceptions, rules."""
    ranks = [
        2 * bool(important) + bool(exception)
        for exception, anchor, listed, important in filters
        if name == listed or (anchor == "||" and name.endswith(f".{listed}"))
    ]
    return bool(ranks) and max(ranks) % 2 == 0


def is_blocked_by_rules(name: str, found: list[Rule]) -> bool:
    """As an image decides: the longest entry, of equal ones the exact one."""
    listed = [(to_text(rule.wire), rule.mode, rule.action is not OPEN) for rule in found]
    speaking = [
        (len(top), mode is Mode.EXACT, is_block)
        for top, mode, is_block in listed
        if (name == top and mode is not Mode.BELOW) or (mode is not Mode.EXACT and name.endswith(f".{top}"))
    ]
    return bool(speaking) and max(speaking)[2]


@given(st.lists(MARKS, max_size=6))
def test_what_is_given_decides_by_length_as_the_list_decides_by_rank(filters: list[tuple[str, str, str, str]]) -> None:
    found = items(iter_rules, "".join(f"{a}{b}{name}^{c}\n" for a, b, name, c in filters))
    given_rules = [item for item in found if isinstance(item, Rule)]

    for name in (*NAMES, "x.c.b.a.test", "x.test", "other.example"):
        assert is_blocked_by_rules(name, given_rules) == is_blocked_by_filters(name, filters)
    assert len(found) == len(filters)


def test_an_exception_for_the_ends_of_names_lets_the_probes_of_android_pass() -> None:
    found = items(iter_rules, "||metric.gstatic.com^\n||ad.metric.gstatic.com^\n@@-ds.metric.gstatic.com^|\n")
    read = [item for item in found if isinstance(item, Rule)]

    assert not is_blocked_by_rules("4f2a-dnsotls-ds.metric.gstatic.com", read)
    assert is_blocked_by_rules("metric.gstatic.com", read)
    assert is_blocked_by_rules("ad.metric.gstatic.com", read)


def test_denyallow_opens_names_below_the_rule() -> None:
    found = items(iter_rules, "||a.test^$denyallow=ok.a.test|other.test|nota.test\n||x.ok.a.test^\n")

    assert actions(found) == [("a.test", Mode.SUBTREE, BLOCKED), ("ok.a.test", Mode.SUBTREE, OPEN)]
    assert complaints(found) == [(2, 1, OVERRULED)]


def test_denyallow_of_an_important_rule_opens_too() -> None:
    found = items(iter_rules, "||a.test^$important,denyallow=ok.a.test\n")

    assert actions(found) == [("a.test", Mode.SUBTREE, BLOCKED), ("ok.a.test", Mode.SUBTREE, OPEN)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_file_and_a_stream_that_cannot_be_read_twice_give_the_same(end: bytes) -> None:
    lines = [b"\xef\xbb\xbf||a.test^", b"||b.test^", b"@@||a.test^", b"c.test"]
    octets = end.join(lines)

    def once() -> Iterator[bytes]:
        yield from octets.splitlines(keepends=True)

    found = list(iter_rules(BytesIO(octets), Mode.EXACT))

    assert found == list(iter_rules(once(), Mode.EXACT))
    assert [(item.line, type(item) is Rule) for item in found] == [(1, False), (2, True), (3, True), (4, True)]


def test_a_file_is_read_from_where_it_stands() -> None:
    file = BytesIO(b"||skipped.test^\n||a.test^\n")
    file.readline()

    assert rules(iter_rules(file, Mode.EXACT)) == [("a.test", Mode.SUBTREE)]


def test_exceptions_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adblock, "MAX_RANKED", 2)

    with pytest.raises(BadList, match=r"line 3: more than 2 exceptions and important rules; not read; split the list"):
        items(iter_rules, "".join(f"@@||n{i}.example^\n" for i in range(3)))
