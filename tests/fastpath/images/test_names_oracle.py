"""Images against the plain-Python oracle: same matches, same decision, for every name, its parents and children."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import matching
from oracle.matching import Entry
from support.images.opened import LISTS, NUMBER, Images

from fastpath.images.decision import Decision
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode, Tier
from fastpath.people.policy_writer import ProfileSpec
from fastpath.wire.name import to_wire

CHILD = "192.0.2.1"
CATEGORIES = (1, 65, 70)
CHANGED_BY_DELTAS = {"orders", "orders-two"}
FOLDING = set(NUMBER) - CHANGED_BY_DELTAS

LABELS = st.sampled_from(["a", "b", "ab", "a-b", "x" * 20])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "test"]))
ACTIONS = st.sampled_from([Action.NO_ACTION, Action.NO_ACTION, Action.PASSTHRU, Action.DROP])
ENTRIES = st.lists(
    st.builds(Entry, st.sampled_from(sorted(NUMBER)), NAMES, st.sampled_from(list(Mode)), ACTIONS),
    max_size=12,
    unique_by=lambda entry: entry[:3],
)
ASKED = st.lists(NAMES, min_size=1, max_size=5)
MASKS = st.sets(st.sampled_from(CATEGORIES)).map(frozenset)

oracle_settings = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tables(
    images: Images, base: list[Entry], delta: list[Entry] | None, drops: set[str], categories: frozenset[int]
) -> TableSet:
    names = images.names(base)
    names_delta = None if delta is None else images.names(delta, names, drops)
    profile = ProfileSpec(sum(1 << number for number in categories), (), 0, 0)
    return TableSet(names, names_delta, images.subscribers([(CHILD, 7)]), None, images.policy([(7, profile)]), None)


def compare(found: TableSet, entries: list[Entry], asked: list[str], categories: frozenset[int]) -> None:
    confidential = {spec.id for spec in LISTS if spec.confidential}
    for name in {suffix for one in asked for suffix in matching.suffixes(f"child.{one}")}:
        wire = to_wire(name.encode())
        expected = {
            (list_id, None if list_id in confidential else rule, mode)
            for list_id, rule, mode in matching.matches(entries, name)
        }
        decision = found.decide(wire, CHILD, 0)

        assert {(match.list, match.rule, match.mode) for match in found.matches(wire)} == expected
        assert matching.decide(LISTS, entries, name, categories) == (
            decision.action,
            decision.tier,
            decision.list,
            decision.rule,
            decision.mode,
            decision.matched,
        )


@given(entries=ENTRIES, asked=ASKED, categories=MASKS)
@oracle_settings
def test_an_image_answers_as_the_oracle(
    images: Images,
    entries: list[Entry],
    asked: list[str],
    categories: frozenset[int],
) -> None:
    found = tables(images, entries, None, set(), categories)

    compare(found, entries, asked + [entry.name for entry in entries], categories)


@given(base=ENTRIES, delta=ENTRIES, drops=st.sets(NAMES, max_size=2), asked=ASKED, categories=MASKS)
@oracle_settings
def test_a_name_in_the_delta_is_the_deltas_alone(
    images: Images,
    base: list[Entry],
    delta: list[Entry],
    drops: set[str],
    asked: list[str],
    categories: frozenset[int],
) -> None:
    changed = {entry.name for entry in delta} | drops
    found = tables(images, base, delta, changed, categories)
    entries = [entry for entry in base if entry.name not in changed] + delta

    compare(found, entries, [*asked, *changed, *(entry.name for entry in base)], categories)


Said = tuple[Action, Tier, str | None, int, tuple[str, ...]]


def said(decision: Decision) -> Said:
    """All of a decision that folding must leave alone: not the rule, which may now be the one above, and its mode."""
    return decision.action, decision.tier, decision.list, decision.order, decision.matched


def every_name(entries: list[Entry], asked: list[str]) -> set[str]:
    names = [*asked, *(entry.name for entry in entries)]
    return {suffix for name in names for suffix in matching.suffixes(f"child.{name}")}


@given(entries=ENTRIES, asked=ASKED, categories=MASKS)
@oracle_settings
def test_folding_changes_no_decision(
    images: Images,
    entries: list[Entry],
    asked: list[str],
    categories: frozenset[int],
) -> None:
    plain = tables(images, entries, None, set(), categories)
    folded = TableSet(images.names(entries, folding=NUMBER), None, *plain.images[2:])

    for name in every_name(entries, asked):
        wire = to_wire(name.encode())
        assert said(folded.decide(wire, CHILD, 0)) == said(plain.decide(wire, CHILD, 0))
        assert folded.matched(name.encode()) == plain.matched(name.encode())


@given(base=ENTRIES, delta=ENTRIES, asked=ASKED, categories=MASKS)
@oracle_settings
def test_a_delta_on_a_folded_base_decides_as_both_in_one(
    images: Images,
    base: list[Entry],
    delta: list[Entry],
    asked: list[str],
    categories: frozenset[int],
) -> None:
    names = images.names(base, folding=FOLDING)
    changed = {entry.name for entry in delta}
    orders = [entry for entry in delta if entry.list in CHANGED_BY_DELTAS]
    merged = orders + [entry for entry in base if entry.list in FOLDING or entry.name not in changed]
    carried = [
        (LISTS[number].id, name, mode, action, order)
        for name in changed
        for number, mode, action, order, _ in TableSet(names).base_entries(to_wire(name.encode()))
        if LISTS[number].id in FOLDING
    ]
    people = tables(images, [], None, set(), categories).images[2:]
    both = TableSet(names, images.names([*orders, *carried], names, changed, FOLDING), *people)
    whole = TableSet(images.names(merged), None, *people)

    for name in every_name(base + delta, asked):
        wire = to_wire(name.encode())
        assert said(both.decide(wire, CHILD, 0)) == said(whole.decide(wire, CHILD, 0))
        assert both.matched(name.encode()) == whole.matched(name.encode())


@given(base=ENTRIES, delta=ENTRIES, drops=st.sets(NAMES, max_size=2), asked=st.lists(ASKED, max_size=10))
@oracle_settings
def test_many_names_at_once_are_answered_as_one_by_one(
    images: Images,
    base: list[Entry],
    delta: list[Entry],
    drops: set[str],
    asked: list[list[str]],
) -> None:
    found = tables(images, base, delta, drops, frozenset())
    names = [name.encode() for name in sorted(every_name(base + delta, [name for some in asked for name in some]))]

    assert found.matched_each(names * 3) == [found.matched(name) for name in names] * 3
    assert [found.matched(name) for name in names] == [
        sum({1 << NUMBER[match.list] for match in found.matches(to_wire(name))}) for name in names
    ]


def test_the_oracle_respects_label_borders() -> None:
    entry = Entry("orders", "book.test", Mode.SUBTREE)

    assert matching.is_match(entry, "www.book.test")
    assert not matching.is_match(entry, "notbook.test")
