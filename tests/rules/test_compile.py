from pathlib import Path

import pytest

from fastpath.image import open_image
from fastpath.layout import ImageKind
from fastpath.name import to_wire
from fastpath.tables import TableSet
from fastpath.verdict import Action, Mode
from rules.canary import CANARY_EVERY
from rules.compile import compile_sources
from rules.errors import BadList
from rules.protected import PROTECTED, Protected
from rules.rule import Rule
from rules.source import Source, parse_source
from rules.suffixes import ICANN_SUFFIX, PRIVATE_SUFFIX

KEY = bytes(range(16))


def source(folder: Path, name: str, text: str, options: str = "") -> Source:
    (folder / name).write_text(text)
    return parse_source(f"{folder / name}{options}")


def matches(path: Path, name: str) -> list[tuple[str, Mode, Action, int]]:
    tables = TableSet(open_image(path, ImageKind.NAMES))
    return [(match.list, match.mode, match.action, match.order) for match in tables.matches(to_wire(name.encode()))]


def test_every_format_ends_in_one_image(tmp_path: Path) -> None:
    sources = [
        source(tmp_path, "pta.csv", "URL,Letter No\nhttp://a.example/,L/7\n"),
        source(tmp_path, "hosts", "0.0.0.0 a.example\n"),
        source(tmp_path, "m.rpz", "*.a.example CNAME rpz-drop.\n"),
        source(tmp_path, "adult.txt", "a.example\n", ",category=adult"),
    ]

    report = compile_sources(sources, tmp_path, KEY, 5, number_order=lambda _source, ref: int(ref.removeprefix("L/")))

    assert report.path == tmp_path / "names-5.img"
    assert (report.n_rules, report.n_names, report.n_entries, report.n_skipped) == (4, 1, 4, 0)
    assert report.size_bytes == report.path.stat().st_size
    assert matches(report.path, "www.a.example") == [
        ("pta", Mode.SUBTREE, Action.SPLASH, 7), ("m", Mode.BELOW, Action.DROP, 0),
        ("adult", Mode.SUBTREE, Action.SPLASH, 0),
    ]
    assert ("hosts", Mode.EXACT, Action.NXDOMAIN, 0) in matches(report.path, "a.example")


def test_what_a_list_may_not_hold_is_reported_and_not_compiled(tmp_path: Path) -> None:
    text = "com.pk\ngithub.io\nwww.bank.example\nbad.example\n"

    report = compile_sources([source(tmp_path, "x.txt", text)], tmp_path, KEY, 1, protected=Protected(["bank.example"]))

    assert report.sources[0].skipped == {ICANN_SUFFIX: 1, PRIVATE_SUFFIX: 1, PROTECTED: 1}
    assert [(s.line, s.text) for s in report.sources[0].samples[PROTECTED]] == [(3, "www.bank.example")]
    assert report.sources[0].n_held == 2
    assert report.n_names == 1
    assert matches(report.path, "www.example.com.pk") == []


def test_an_exact_rule_on_a_suffix_is_one_name_and_allowed(tmp_path: Path) -> None:
    report = compile_sources([source(tmp_path, "x.txt", "com.pk\n", ",match=exact")], tmp_path, KEY, 1)

    assert report.n_skipped == 0


def test_the_guard_can_be_overridden_in_so_many_words(tmp_path: Path) -> None:
    report = compile_sources([source(tmp_path, "x.txt", "com.pk\n", ",allow_public_suffix=yes")], tmp_path, KEY, 1)

    assert len(matches(report.path, "www.example.com.pk")) == 1


def test_a_rule_that_lets_go_never_hits_the_rail(tmp_path: Path) -> None:
    sources = [source(tmp_path, "help.txt", "bank.example\n", ",tier=help"),
               source(tmp_path, "m.rpz", "bank.example CNAME rpz-passthru.\n")]

    report = compile_sources(sources, tmp_path, KEY, 1, protected=Protected(["bank.example"]))

    assert report.n_skipped == 0


def test_rules_without_a_file_are_compiled_too(tmp_path: Path) -> None:
    live = {"orders": [Rule(to_wire(b"o.example"), Mode.EXACT, Action.NODATA, 0, "12")]}

    report = compile_sources(
        [Source("orders", None)], tmp_path, KEY, 1, live=live, number_order=lambda _source, ref: int(ref))

    assert matches(report.path, "o.example") == [("orders", Mode.EXACT, Action.NODATA, 12)]


def test_an_order_is_numbered_once_for_all_its_rows(tmp_path: Path) -> None:
    asked: list[str] = []

    def number_order(_source: Source, ref: str) -> int:
        asked.append(ref)
        return 3

    rows = "URL,Ref\n" + "".join(f"n{i}.example,L/1\n" for i in range(9))
    compile_sources([source(tmp_path, "pta.csv", rows)], tmp_path, KEY, 1, number_order=number_order)

    assert asked == ["L/1"]


def test_equal_sources_give_equal_octets(tmp_path: Path) -> None:
    sources = [source(tmp_path, "x.txt", "".join(f"n{i}.example\n" for i in range(3 * CANARY_EVERY)))]
    (tmp_path / "again").mkdir()

    first = compile_sources(sources, tmp_path, KEY, 1)
    again = compile_sources(sources, tmp_path / "again", KEY, 1)

    assert first.path.read_bytes() == again.path.read_bytes()


def test_progress_counts_octets_up_to_all_of_them(tmp_path: Path) -> None:
    sources = [source(tmp_path, f"{name}.txt", "".join(f"n{i}.example\n" for i in range(40_000))) for name in "ab"]
    seen: list[tuple[int, int]] = []

    compile_sources(sources, tmp_path, KEY, 1, lambda done, total: seen.append((done, total)))

    total = sum((tmp_path / f"{name}.txt").stat().st_size for name in "ab")
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {whole for _, whole in seen} == {total}
    assert seen[-1] == (total, total)
    assert len(seen) > 4


def test_samples_of_a_confidential_list_hold_no_text(tmp_path: Path) -> None:
    report = compile_sources([source(tmp_path, "c.txt", "not a name\ncom.pk\n", ",tier=csam")], tmp_path, KEY, 1)

    assert [item.text for items in report.sources[0].samples.values() for item in items] == ["", ""]
    assert report.n_skipped == 2


@pytest.mark.parametrize("text", ["<html>not found</html>\n", None])
def test_a_source_that_is_no_list_leaves_no_image(tmp_path: Path, text: str | None) -> None:
    good = source(tmp_path, "good.txt", "a.example\n")
    bad = source(tmp_path, "bad.txt", text or "")
    if text is None:
        (tmp_path / "bad.txt").unlink()

    with pytest.raises(BadList, match=r"list 'bad': .*bad.txt: .*; not read; "):
        compile_sources([good, bad], tmp_path, KEY, 1)

    assert list(tmp_path.glob("names-*")) == []
