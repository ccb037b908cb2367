import io
from collections.abc import Iterable

from fastpath.images.key_builder import ListSpec
from fastpath.images.list_stats import ListTally, tally
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.name import to_wire

Said = tuple[int, str, Mode, Action]
OWN = Action.NO_ACTION
EXACT, SUBTREE, BELOW = Mode


def told(entries: Iterable[Said], folds: bool = False, confidential: bool = False) -> list[ListTally]:
    lists = [ListSpec(id, Tier.SECURITY, 0, Action.SPLASH, confidential, folds) for id in ("one", "two")]
    builder = NamesBuilder(bytes(16), lists)
    for number, name, mode, action in entries:
        builder.add(to_wire(name.encode()), number, mode, action)
    builder.build(io.BytesIO(), 1)
    return tally(builder)


def test_entries_are_counted_by_list_mode_and_what_they_do() -> None:
    one, two = told(
        [
            (0, "a.test", EXACT, OWN),
            (0, "a.test", BELOW, Action.DROP),
            (0, "b.test", SUBTREE, OWN),
            (1, "a.test", SUBTREE, Action.PASSTHRU),
        ]
    )

    assert one == ListTally(2, {EXACT: 1, SUBTREE: 1, BELOW: 1}, {Action.SPLASH: 2, Action.DROP: 1}, 0, 0, 0)
    assert two == ListTally(1, {SUBTREE: 1}, {Action.PASSTHRU: 1}, 0, 0, 0)


def test_a_name_and_mode_that_one_list_says_again_is_a_duplicate() -> None:
    one, two = told(
        [
            (0, "a.test", EXACT, OWN),
            (0, "A.test", EXACT, Action.DROP),
            (0, "a.test", EXACT, OWN),
            (1, "a.test", EXACT, OWN),
        ]
    )

    assert (one.keys, one.by_mode, one.by_action, one.duplicates) == (1, {EXACT: 1}, {Action.SPLASH: 1}, 2)
    assert two.duplicates == 0


def test_a_name_that_one_list_blocks_and_lets_go_is_a_conflict() -> None:
    block, let_go = OWN, Action.PASSTHRU

    def conflicts(*said: tuple[Mode, Action]) -> int:
        return told([(0, "a.test", mode, action) for mode, action in said])[0].conflicts

    assert conflicts((EXACT, block), (EXACT, let_go)) == 1
    assert conflicts((SUBTREE, block), (EXACT, let_go)) == 1
    assert conflicts((SUBTREE, let_go), (BELOW, block), (EXACT, block)) == 1
    assert conflicts((EXACT, let_go), (BELOW, block)) == 0
    assert conflicts((BELOW, let_go), (EXACT, block)) == 0
    assert conflicts((EXACT, block), (SUBTREE, Action.DROP)) == 0
    assert told([(0, "a.test", EXACT, block), (1, "a.test", EXACT, let_go)])[0].conflicts == 0


def test_folded_entries_are_counted_where_the_list_folds() -> None:
    said = [(0, "a.test", SUBTREE, OWN), (0, "www.a.test", SUBTREE, OWN), (0, "x.a.test", EXACT, Action.DROP)]

    assert [told(said, folds)[0].folded for folds in (False, True)] == [0, 1]
    assert told(said, folds=True)[0].by_mode == {EXACT: 1, SUBTREE: 2}


def test_a_confidential_list_is_counted_like_any_other() -> None:
    assert told([(0, "a.test", EXACT, OWN), (0, "a.test", EXACT, OWN)], confidential=True)[0].duplicates == 1


def test_an_image_of_nothing_has_nothing_to_count() -> None:
    assert told([]) == [ListTally(0, {}, {}, 0, 0, 0)] * 2


def test_entries_of_a_list_in_the_shadow_are_counted_as_such() -> None:
    builder = NamesBuilder(bytes(16), [ListSpec("tried", Tier.SECURITY, 0, Action.SHADOW, False, False)])
    for name in ("a.test", "b.test"):
        builder.add(to_wire(name.encode()), 0, SUBTREE, OWN)
    builder.build(io.BytesIO(), 1)

    assert tally(builder)[0].by_action == {Action.SHADOW: 2}
