from support.lists.outcomes import complaints, items, rules, urls

from fastpath.images.verdict import Action, Mode
from rules.base.rule import UrlRule
from rules.formats.ut1 import iter_rules


def test_a_line_of_domains_is_a_name() -> None:
    found = items(iter_rules, "bad.example\nWorse.Example\n192.0.2.1\n")

    assert rules(found) == [("bad.example", Mode.SUBTREE), ("worse.example", Mode.SUBTREE)]
    assert complaints(found) == [(3, 1, "is an address")]


def test_a_line_of_urls_is_a_path_and_all_below() -> None:
    found = items(iter_rules, "bad.example/~a/b\nbad.example/c/index.html\nbad.example:8080\n")

    assert found == [
        UrlRule(b"bad.example/~a/b", Mode.SUBTREE, Action.NO_ACTION, 1),
        UrlRule(b"bad.example/c/index.html", Mode.SUBTREE, Action.NO_ACTION, 2),
        UrlRule(b"bad.example:8080/", Mode.SUBTREE, Action.NO_ACTION, 3),
    ]


def test_a_folder_means_the_same_with_and_without_the_slash_at_its_end() -> None:
    found = items(iter_rules, "bad.example/a/\nbad.example/b/?c=/\nbad.example/d#/\n")

    assert urls(found) == [
        ("bad.example/a", Mode.SUBTREE),
        ("bad.example/b/?c=/", Mode.SUBTREE),
        ("bad.example/d", Mode.EXACT),
    ]


def test_a_line_of_urls_that_names_a_whole_host_is_its_name() -> None:
    assert rules(items(iter_rules, "bad.example/\n", Mode.EXACT)) == [("bad.example", Mode.EXACT)]
