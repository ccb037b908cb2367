"""Lists as the public is given them, read by other programs and by our own readers."""

import csv
import io
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.name import to_wire
from rules.base.rule import Rule, SkippedLine, UrlRule, skipped
from rules.lists import publication
from rules.lists.publication import (
    KEPT,
    Entry,
    TooMany,
    entries_after,
    files_of,
    last_number,
    names_of,
    read_entries,
    statement_of,
)
from rules.lists.reader import read_source
from rules.lists.source import Source

NOW = datetime(2026, 8, 4, 12, tzinfo=UTC)
NAMES = {("bad.example", "subtree"), ("one.bad.example", "exact"), ("xn--mgbh0fb.example", "subtree")}


def rule(name: str, mode: Mode = Mode.SUBTREE, action: Action = Action.NO_ACTION) -> Rule:
    return Rule(to_wire(name.encode()), mode, action, 1)


def none(_: str) -> None:
    """No letter is sealed."""


@pytest.fixture
def files() -> dict[str, bytes]:
    return files_of(entries_after([], NAMES, NOW), NOW)


def read(tmp_path: Path, octets: bytes, form: str) -> set[tuple[bytes, Mode]]:
    (tmp_path / "list").write_bytes(octets)
    found = read_source(Source("x", tmp_path / "list", form, tier=Tier.SECURITY))
    return {(each.wire, each.mode) for each in found if isinstance(each, Rule) and each.action != Action.PASSTHRU}


def test_exceptions_urls_addresses_and_long_names_are_left_out_and_counted() -> None:
    long = ".".join(["a" * 60] * 4)
    items: list[Rule | UrlRule | SkippedLine] = [
        rule("bad.example"),
        rule("one.example", Mode.EXACT),
        rule("ok.example", action=Action.PASSTHRU),
        rule(long),
        UrlRule(b"bad.example/a", Mode.EXACT, Action.NO_ACTION, 1),
        skipped(1, 1, b"?", "no name"),
    ]

    assert names_of(items, none) == ({("bad.example", "subtree"), ("one.example", "exact")}, 3, set())


@pytest.mark.parametrize("name", ["8.0.0.0.10.rpz-client-ip", "24.0.2.0.192.rpz-nsip", "com.rpz-nsdname", "rpz-nsip"])
def test_a_name_that_a_zone_reads_as_another_trigger_is_left_out(name: str) -> None:
    assert names_of([rule(name), rule("rpz-ip.example")], none).found == {("rpz-ip.example", "subtree")}


def test_what_a_letter_that_is_sealed_directs_is_left_out_whatever_else_names_it() -> None:
    items = [rule("bad.example"), rule("worse.example"), rule("bad.example")._replace(order_ref="sealed 7")]

    found = names_of(items, lambda letter: letter if letter.startswith("sealed") else None)

    assert found == ({("worse.example", "subtree")}, 1, {"bad.example"})


def test_more_names_than_are_published_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "MOST_NAMES", 1)

    with pytest.raises(TooMany, match="not published"):
        names_of([rule("a.example"), rule("b.example")], none)


@pytest.mark.services
@pytest.mark.skipif(shutil.which("named-checkzone") is None, reason="BIND is not installed")
def test_bind_loads_the_zone(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "rpz").write_bytes(files["rpz.zone"])
    done = subprocess.run(
        ["named-checkzone", "-D", "rpz.isp.example", str(tmp_path / "rpz")], capture_output=True, text=True, check=True
    )

    assert "*.bad.example.rpz.isp.example." in done.stdout and "*.one.bad" not in done.stdout


@pytest.mark.parametrize("name", ["domains.txt", "rpz.zone", "domains.json"])
def test_our_own_readers_read_the_same_names(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    form = {"domains.txt": "plain", "rpz.zone": "rpz", "domains.json": "certpl"}[name]
    names = {wire for wire, _ in read(tmp_path, files[name], form)}

    assert names == {to_wire(each.encode()) for each, _ in NAMES}


def test_a_hosts_file_names_each_once(tmp_path: Path, files: dict[str, bytes]) -> None:
    assert len(read(tmp_path, files["hosts.txt"], "hosts")) == files["hosts.txt"].count(b"\n") == 3


def test_a_table_and_json_have_the_dates(files: dict[str, bytes]) -> None:
    head, *rows = csv.reader(io.StringIO(files["domains.csv"].decode()))

    assert head == ["number", "name", "scope", "inserted", "deleted"]
    assert rows[0] == ["1", "bad.example", "subtree", "2026-08-04T12:00:00", ""]
    assert json.loads(files["domains.json"])[0]["DeleteDate"] is None


def test_who_leaves_has_a_date_for_a_year_and_who_comes_back_has_a_new_number() -> None:
    first = entries_after([], {("a.example", "exact"), ("b.example", "exact")}, NOW)
    without = entries_after(first, {("b.example", "exact")}, NOW + timedelta(days=1))
    again = entries_after(without, {("a.example", "exact"), ("b.example", "exact")}, NOW + timedelta(days=2))
    later = entries_after(again, {("b.example", "exact")}, NOW + KEPT + timedelta(days=2))

    assert [(each.number, each.deleted) for each in without] == [(1, "2026-08-05T12:00:00"), (2, None)]
    assert [each.number for each in again] == [1, 2, 3]
    assert [each.number for each in later] == [2, 3]


def test_a_number_is_not_given_again_when_its_row_is_gone() -> None:
    first = entries_after([], {("a.example", "exact"), ("b.example", "exact")}, NOW)
    without = entries_after(first, {("a.example", "exact")}, NOW)
    later = entries_after(without, {("a.example", "exact")}, NOW + KEPT + timedelta(days=1), last_number(without, 0))
    again = entries_after(later, {("a.example", "exact"), ("c.example", "exact")}, NOW + 2 * KEPT, 2)

    assert [each.number for each in later] == [1] and last_number(later, 2) == 2
    assert [each.number for each in again] == [1, 3]


def test_of_too_many_names_that_are_gone_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "MOST_GONE", 2)
    entries: list[Entry] = []
    for n in range(5):
        entries = entries_after(entries, {(f"n{n}.example", "exact")}, NOW + timedelta(hours=n))

    assert [each.name for each in entries] == ["n2.example", "n3.example", "n4.example"]


def test_what_was_written_is_read_back(files: dict[str, bytes]) -> None:
    assert read_entries(files["domains.json"]) == entries_after([], NAMES, NOW)
    assert files == files_of(read_entries(files["domains.json"]), NOW)


def test_an_empty_list_is_an_empty_publication(tmp_path: Path) -> None:
    files = files_of(entries_after([Entry(1, "a.example", "exact", "2026-08-01T00:00:00", None)], set(), NOW), NOW)

    assert files["domains.txt"] == b"" and read_entries(files["domains.json"])[0].deleted == "2026-08-04T12:00:00"


def test_a_statement_is_canonical() -> None:
    assert statement_of({"b": 1, "a": ["ä"]}) == '{"a":["ä"],"b":1}'
