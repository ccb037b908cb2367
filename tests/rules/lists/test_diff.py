from fastpath.images.verdict import Action, Mode
from rules.base.canonical import canonical_wire
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.lists.diff import Items, iter_changes


def rule(name: str, mode: Mode = Mode.SUBTREE, action: Action = Action.NO_ACTION, line: int = 1) -> Rule:
    return Rule(canonical_wire(name), mode, action, line)


def changes(old: Items, new: Items) -> list[tuple[bool, str, Mode]]:
    return [(change.is_added, change.value, change.rule.mode) for change in iter_changes(lambda: old, lambda: new)]


def test_what_only_one_version_has_is_a_change() -> None:
    found = changes([rule("a.test"), rule("b.test")], [rule("b.test", line=7), rule("c.test")])

    assert found == [(True, "c.test", Mode.SUBTREE), (False, "a.test", Mode.SUBTREE)]


def test_another_order_of_the_lines_is_no_change() -> None:
    assert changes([rule("a.test"), rule("b.test")], [rule("b.test"), rule("a.test"), rule("a.test")]) == []


def test_another_mode_or_action_is_one() -> None:
    assert len(changes([rule("a.test")], [rule("a.test", Mode.EXACT)])) == 2
    assert len(changes([rule("a.test")], [rule("a.test", action=Action.PASSTHRU)])) == 2


def test_a_rule_that_stands_twice_is_one_change() -> None:
    assert len(changes([], [rule("a.test"), rule("a.test")])) == 1


def test_urls_are_compared_as_urls_and_skipped_lines_not_at_all() -> None:
    url = UrlRule(b"a.test/x?y", Mode.EXACT, Action.NO_ACTION, 1)

    assert changes([SkippedLine(1, 1, "?", "why")], [url, SkippedLine(2, 1, "!", "why")]) == [
        (True, "a.test/x?y", Mode.EXACT)
    ]
