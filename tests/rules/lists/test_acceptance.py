from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from rules.base.errors import BadList
from rules.lists.acceptance import (
    SKETCH,
    Judgement,
    Limits,
    Sketch,
    Verdict,
    VersionFigures,
    examine,
    judge,
    share_gone,
)
from rules.lists.source import Source, describe_source
from rules.lists.versions import Version

Read = Callable[..., VersionFigures]  # of a text, and of a source where it is not SOURCE
SOURCE = describe_source("pta", None, {"format": "plain"})


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(text: str | bytes, source: Source = SOURCE) -> VersionFigures:
        path = tmp_path / "copy"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return examine(path, source)

    return read


def names(numbers: Iterable[int]) -> str:
    return "".join(f"n{number}.test\n" for number in numbers)


def version(found: VersionFigures, *, is_seed: bool = False) -> Version:
    return Version("a" * 64, 1, "file", "plain", 0.0, found.n_rules, found.n_skipped, found.sketch, is_seed)


def verdict(
    found: VersionFigures, last: Version | None = None, limits: Limits | None = None, source: Source = SOURCE
) -> Judgement:
    return judge(found, source, last, limits or Limits())


def test_rules_are_counted_and_what_is_none_by_its_reason(read: Read) -> None:
    found = read("a.test\n# words\n192.0.2.1\nb.test\n192.0.2.2\n")

    assert (found.n_rules, found.n_skipped, len(found.skipped)) == (2, 2, 1)


@pytest.mark.parametrize("page", ["<!DOCTYPE html><p>x", "\ufeff \n<html>", "<HEAD>", "<body>"])
@pytest.mark.parametrize("format_", ["plain", "hosts", "csv", "rpz"])
def test_a_web_page_is_no_list_of_any_format(read: Read, page: str, format_: str) -> None:
    with pytest.raises(BadList, match="web page"):
        read(page, describe_source("x", None, {"format": format_}))


@pytest.mark.parametrize("text", ["", "\n\n", "# only words\n"])
def test_an_empty_list_is_refused(read: Read, text: str) -> None:
    assert verdict(read(text)) == (Verdict.REFUSED, "it is empty")


def test_a_list_without_a_rule_is_refused_and_the_commonest_reason_told(read: Read) -> None:
    said = verdict(read("192.0.2.1\n192.0.2.2\n"))

    assert said.verdict is Verdict.REFUSED
    assert "2 times" in said.why


def test_a_list_that_is_mostly_unreadable_is_refused_also_the_first_time(read: Read) -> None:
    text = names(range(10)) + "192.0.2.1\n" * 11

    assert verdict(read(text)).verdict is Verdict.REFUSED
    assert verdict(read(text), limits=Limits(unreadable_percent=60)).verdict is Verdict.GOOD
    assert verdict(read(names(range(10)) + "192.0.2.1\n" * 10)).verdict is Verdict.GOOD


def test_the_lines_for_browsers_of_an_adblock_list_are_no_fault_of_it() -> None:
    found = VersionFigures(10, {"for browsers": 990}, (1,))

    assert verdict(found, source=replace(SOURCE, format="adblock")).verdict is Verdict.GOOD


def test_the_first_version_and_the_first_after_a_seed_may_have_any_size(read: Read) -> None:
    found, large = read("a.test\n"), read(names(range(2000)))

    assert verdict(found).verdict is Verdict.GOOD
    assert verdict(found, version(large, is_seed=True)).verdict is Verdict.GOOD


@pytest.mark.parametrize(("left", "expected"), [(80, Verdict.GOOD), (79, Verdict.HELD), (50, Verdict.HELD)])
def test_a_version_that_shrank_by_more_than_a_fifth_is_held(read: Read, left: int, expected: Verdict) -> None:
    said = verdict(read(names(range(left))), version(read(names(range(100)))))

    assert said.verdict is expected


def test_the_reason_tells_both_counts(read: Read) -> None:
    said = verdict(read(names(range(50))), version(read(names(range(100)))))

    assert said.why == "it shrank: 50 rules where the last good version had 100"


def test_a_small_list_may_lose_what_a_person_takes_out(read: Read) -> None:
    assert verdict(read(names(range(1))), version(read(names(range(10))))).verdict is Verdict.GOOD


def test_a_limit_of_a_hundred_percent_holds_nothing(read: Read) -> None:
    said = verdict(read(names(range(500, 510))), version(read(names(range(100)))), Limits(shrink_percent=100))

    assert said.verdict is Verdict.GOOD


@pytest.mark.parametrize(("size", "expected"), [(1500, Verdict.GOOD), (1501, Verdict.HELD)])
def test_a_version_that_grew_fivefold_is_held_once_it_is_large(read: Read, size: int, expected: Verdict) -> None:
    assert verdict(read(names(range(size))), version(read(names(range(300))))).verdict is expected
    assert verdict(read(names(range(900))), version(read(names(range(3))))).verdict is Verdict.GOOD


@pytest.mark.parametrize("size", [50, 3000])
def test_another_list_of_the_same_size_is_held(read: Read, size: int) -> None:
    said = verdict(read(names(range(10_000, 10_000 + size))), version(read(names(range(size)))))

    assert said.verdict is Verdict.HELD
    assert "100 %" in said.why


@pytest.mark.parametrize("size", [50, 3000])
def test_a_version_with_a_few_new_rules_in_another_order_is_good(read: Read, size: int) -> None:
    before, after = list(range(size)), list(range(size // 20, size + size // 20))[::-1]

    assert verdict(read(names(after)), version(read(names(before)))).verdict is Verdict.GOOD


@pytest.mark.parametrize("gone", [0.0, 0.1, 0.5, 0.9])
def test_the_share_that_is_gone_is_told_to_a_few_percent(gone: float) -> None:
    old, new = Sketch(), Sketch()
    for number in range(20_000):
        old.note(b"%d" % number)
        new.note(b"%d" % (number + int(gone * 20_000)))

    assert len(old.numbers()) == SKETCH
    assert share_gone(old.numbers(), new.numbers()) == pytest.approx(gone, abs=0.1)


def test_a_sketch_does_not_depend_on_order_or_repetition() -> None:
    forth, back = Sketch(), Sketch()
    for number in range(1000):
        forth.note(b"%d" % number)
        back.note(b"%d" % (999 - number))
        back.note(b"%d" % (999 - number // 2))

    assert forth.numbers() == back.numbers() == tuple(sorted(forth.numbers()))


def test_of_nothing_nothing_can_be_gone() -> None:
    assert share_gone((), (1, 2)) == 0.0


@pytest.mark.parametrize(
    ("new", "percent", "expected"),
    [(400, 5, Verdict.GOOD), (800, 5, Verdict.HELD), (800, 100, Verdict.GOOD), (800, 40, Verdict.GOOD)],
)
def test_a_version_with_many_new_rules_is_held_where_others_direct_the_list(
    read: Read, new: int, percent: int, expected: Verdict
) -> None:
    last = version(read(names(range(4000))))

    said = verdict(read(names(range(4000 + new))), last, Limits(added_percent=percent))

    assert said.verdict is expected


def test_rules_that_take_the_place_of_others_are_new_rules(read: Read) -> None:
    limits = Limits(shrink_percent=100, added_percent=5)

    said = verdict(read(names(range(5000, 9000))), version(read(names(range(4000)))), limits)

    assert said.verdict is Verdict.HELD and "about 4,000 rules are new, more than 5 %" in said.why
