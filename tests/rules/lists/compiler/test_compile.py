import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.origins import Origins
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_wire
from rules.base.canonical import LABEL_TOO_LONG
from rules.base.errors import BadList
from rules.base.lines import HAS_NUL
from rules.base.protected import PROTECTED, ProtectedNames
from rules.base.public_suffixes import ICANN_SUFFIX, PRIVATE_SUFFIX
from rules.base.rule import Rule
from rules.base.watched import WatchedNames, WatchList
from rules.lists.compiler.canary import CANARY_EVERY
from rules.lists.compiler.compile import compile_sources
from rules.lists.compiler.report import report_as_json
from rules.lists.source import Source, parse_source

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
        ("pta", Mode.SUBTREE, Action.SPLASH, 7),
        ("m", Mode.BELOW, Action.DROP, 0),
        ("adult", Mode.SUBTREE, Action.SPLASH, 0),
    ]
    assert ("hosts", Mode.EXACT, Action.NXDOMAIN, 0) in matches(report.path, "a.example")


def test_a_watched_name_is_not_compiled_where_nothing_else_is_protected(tmp_path: Path) -> None:
    watched = WatchedNames([WatchList("shops", below=frozenset([to_wire(b"shop.example")]))])

    report = compile_sources(
        [source(tmp_path, "bad.txt", "shop.example\na.example\n")],
        tmp_path,
        KEY,
        1,
        protected=ProtectedNames(watched=watched),
    )

    assert matches(report.path, "shop.example") == []
    assert report.sources[0].skipped == {"is watched (shops): held for review": 1}
    assert report.sources[0].enforceability["pending_review"] == report.sources[0].n_held == 1


def test_what_a_list_may_not_hold_is_reported_and_not_compiled(tmp_path: Path) -> None:
    text = "com.pk\ngithub.io\nwww.bank.example\nbad.example\n"

    report = compile_sources(
        [source(tmp_path, "x.txt", text)], tmp_path, KEY, 1, protected=ProtectedNames(["bank.example"])
    )

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
    sources = [
        source(tmp_path, "help.txt", "bank.example\n", ",tier=help"),
        source(tmp_path, "m.rpz", "bank.example CNAME rpz-passthru.\n"),
    ]

    report = compile_sources(sources, tmp_path, KEY, 1, protected=ProtectedNames(["bank.example"]))

    assert report.n_skipped == 0


def test_rules_without_a_file_are_compiled_too(tmp_path: Path) -> None:
    live = {"orders": [Rule(to_wire(b"o.example"), Mode.EXACT, Action.NODATA, 0, "12")]}

    report = compile_sources(
        [Source("orders", None)], tmp_path, KEY, 1, live=live, number_order=lambda _source, ref: int(ref)
    )

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


@pytest.mark.services
def test_equal_sources_give_equal_octets_in_any_process(tmp_path: Path) -> None:
    rows = "".join(f"{i},http://n{i % 700}.example/{'' if i % 3 else f'page{i}'},L/{i % 9}\n" for i in range(3000))
    (tmp_path / "pta.csv").write_text("S.No,URL,Letter No\n" + rows)
    program = """if True:
        import hashlib, pathlib, sys
        from rules.lists.compiler.compile import compile_sources
        from rules.lists.source import parse_source
        out = pathlib.Path(sys.argv[1])
        out.mkdir()
        number = lambda source, ref: int(ref.removeprefix("L/"))
        compile_sources([parse_source(sys.argv[2])], out, bytes(16), 1, number_order=number)
        print([(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in sorted(out.iterdir())])
    """

    def run(seed: str) -> str:
        command = [sys.executable, "-c", program, str(tmp_path / seed), str(tmp_path / "pta.csv")]
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[4])}
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    assert run("1") == run("2") != ""


def test_every_entry_can_be_traced_to_its_line(tmp_path: Path) -> None:
    report = compile_sources([source(tmp_path, "x.txt", "a.example\n\nwww.a.example\n")], tmp_path, KEY, 3)

    origins = Origins(open_image(report.origins_path, ImageKind.ORIGINS))
    assert [(o.list, o.rule, o.line) for o in origins.of(to_wire(b"www.a.example"))] == [
        ("x", "www.a.example", 3),
        ("x", "a.example", 1),
    ]
    assert report.sources[0].names.folded == 1


def test_only_lists_that_no_delta_changes_are_folded(tmp_path: Path) -> None:
    names = ["a.example", "www.a.example"]
    live = {"orders": [Rule(to_wire(name.encode()), Mode.SUBTREE, Action.NO_ACTION, 0) for name in names]}

    report = compile_sources(
        [Source("orders", None), source(tmp_path, "x.txt", "\n".join(names))], tmp_path, KEY, 1, live=live
    )

    assert [told.names.folded for told in report.sources] == [0, 1]


def test_urls_go_to_an_image_of_their_own(tmp_path: Path) -> None:
    rows = "URL\nhttp://a.example/page\nhttp://a.example/\nhttps://a.example/page#x\n"

    report = compile_sources([source(tmp_path, "pta.csv", rows)], tmp_path, KEY, 4)

    assert report.urls_path == tmp_path / "urls-4.img"
    assert (report.n_urls, report.n_names, report.n_rules) == (1, 1, 3)
    assert report.urls_bytes == report.urls_path.stat().st_size
    assert report.sources[0].enforceability == {
        "enforced": 1,
        "enforced_http_only": 1,
        "not_enforceable_at_this_layer": 0,
        "refused_protected": 0,
        "pending_review": 0,
        "invalid": 0,
        "duplicate": 1,
        "withdrawn": 0,
        "expired": 0,
    }
    tables = TableSet(open_image(report.path, ImageKind.NAMES), urls=open_image(report.urls_path, ImageKind.URLS))
    assert tables.decide_url(to_wire(b"a.example"), b"a.example/page", None, 0).list == "pta"


def test_a_page_of_a_protected_name_may_be_ordered_blocked(tmp_path: Path) -> None:
    rows = "URL\nhttp://encyclopedia.example/page\nhttp://encyclopedia.example/\n"

    report = compile_sources(
        [source(tmp_path, "pta.csv", rows)], tmp_path, KEY, 1, protected=ProtectedNames(["encyclopedia.example"])
    )

    assert (report.n_urls, report.n_names) == (1, 0)
    assert report.sources[0].skipped == {PROTECTED: 1}


# --------------------------------------------------------------------------------------------------------- bad input

JUNK = [
    b"\0\0\0\n",
    b"\xff\xfe\x00x\n",
    b"=cmd|'/c calc'!A0\n",
    b"a..b\n",
    b"x" * 70 + b".example\n",
    b"evil\xe2\x80\xaeexample\n",
    b"192.0.2.1\n",
    b"a b c d\n",
    b"http://[::1/\n",
    b"<td>name</td>\n",
    b"-\n",
    "é".encode() * 3000 + b"\n",
    b"*.*.*\n",
    b'"never closed\n',
    b"%zz.example/\n",
    b"(\n",
    b"||^$important\n",
]


def junk(path: Path, n_lines: int) -> Path:
    """A file of lines that no list holds, each but for its number's digits one of JUNK."""
    with path.open("wb") as file:
        file.write(b"first.example\n")
        file.writelines(JUNK[i % len(JUNK)] if i % 3 else b"%d,,,%d..\n" % (i, i) for i in range(n_lines))
    return path


@pytest.mark.parametrize("list_format", ["plain", "hosts", "rpz", "csv"])
def test_junk_is_counted_and_the_report_stays_small(tmp_path: Path, list_format: str) -> None:
    path = junk(tmp_path / "junk.txt", 50_000)

    report = compile_sources([parse_source(f"{path},format={list_format}")], tmp_path, KEY, 1)

    said = json.dumps(report_as_json(report))
    assert report.n_rules + report.n_skipped > 40_000
    assert report.sources[0].enforceability["invalid"] > 40_000
    assert len(said) < 200_000
    assert said.isascii() and "\\u202e" not in said.replace("\\\\u202e", "")


def test_the_first_of_each_kind_of_junk_is_shown_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"a.example\nb\0.example\nc.example\n" + b"x" * 300)

    report = compile_sources([parse_source(str(tmp_path / "x.txt"))], tmp_path, KEY, 1)

    assert [(s.line, s.column, s.reason) for kept in report.sources[0].samples.values() for s in kept] == [
        (2, 2, HAS_NUL),
        (4, 1, LABEL_TOO_LONG),
    ]


def test_a_list_that_is_cut_within_a_line_gives_what_stands_before(tmp_path: Path) -> None:
    whole = "".join(f"0.0.0.0 n{i}.example\n" for i in range(1000))

    report = compile_sources([source(tmp_path, "hosts", whole[: len(whole) // 2])], tmp_path, KEY, 1)

    assert 480 < report.n_rules < 520


def test_an_empty_list_is_an_image_of_nothing(tmp_path: Path) -> None:
    report = compile_sources([source(tmp_path, "x.txt", "")], tmp_path, KEY, 1)

    assert (report.n_rules, report.n_skipped, report.n_names) == (0, 0, 0)
    assert matches(report.path, "a.example") == []


@pytest.mark.long
def test_ten_million_lines_of_junk_stay_within_a_gibibyte(tmp_path: Path) -> None:
    path = junk(tmp_path / "junk.txt", 1_000_000)
    with path.open("rb") as first, (tmp_path / "ten.txt").open("wb") as ten:
        for _ in range(10):
            first.seek(0)
            ten.writelines(line for line in first if len(line) < 100)
    program = """if True:
        import json, pathlib, resource, sys
        from rules.lists.compiler.compile import compile_sources
        from rules.lists.compiler.report import report_as_json
        from rules.lists.source import parse_source
        path = pathlib.Path(sys.argv[1])
        report = compile_sources([parse_source(str(path))], path.parent, bytes(16), 1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(json.dumps([report.n_skipped, peak, len(json.dumps(report_as_json(report)))]))
    """

    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "ten.txt")],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )

    n_skipped, peak_mib, said_octets = json.loads(told.stdout)
    assert n_skipped > 9_000_000
    assert peak_mib < 1024
    assert said_octets < 200_000
