import json
from pathlib import Path

import pytest

from fastpath.images.list_stats import ListTally
from fastpath.images.verdict import Action, Mode
from rules.base.canonical import BAD_LABEL, IS_ADDRESS
from rules.base.errors import BadList
from rules.base.protected import PROTECTED
from rules.base.public_suffixes import PRIVATE_SUFFIX
from rules.base.rule import SkippedLine
from rules.lists.compiler.report import (
    MAX_PARTS,
    MAX_REASONS,
    OTHER_REASONS,
    SAMPLES,
    CompileReport,
    SourceReport,
    render_report,
    report_as_json,
)

NAMES = ListTally(1230, {Mode.SUBTREE: 1229, Mode.EXACT: 2}, {Action.SPLASH: 1230, Action.PASSTHRU: 1}, 3, 40, 1)
URLS = ListTally(7, {Mode.EXACT: 7}, {Action.SPLASH: 7}, 1, 0, 0)


def report(n_skipped: int, confidential: bool = False) -> CompileReport:
    source = SourceReport("pta", Path("lists/pta.csv"), confidential, n_name_rules=1234)
    for i in range(n_skipped):
        source.note(SkippedLine(48213 + i, 3, "1.2.3.4", "is an address"))
    source.note(SkippedLine(9, 1, "github.io", PRIVATE_SUFFIX))
    return CompileReport(
        Path("names-7.img"),
        Path("urls-7.img"),
        Path("origins-7.img"),
        7,
        [source],
        n_names=1200,
        n_entries=1234,
        size_bytes=65536,
        seconds=1.25,
    )


def full() -> CompileReport:
    """A report in which everything has happened."""
    told = report(2)
    told.sources[0].n_url_rules, told.sources[0].names, told.sources[0].urls = 8, NAMES, URLS
    told.sources[0].seconds, told.n_urls, told.urls_bytes = 0.5, 7, 4096
    for reason in (BAD_LABEL, PROTECTED):
        told.sources[0].note(SkippedLine(3, 1, "x", reason, part="sheet two"))
    return told


def test_a_report_says_counts_and_where_each_reason_stands() -> None:
    text = render_report(report(2))

    assert text.splitlines() == [
        "names image 7: 1,200 names of 1,234 rules, 3 lines not enforced, 65,536 bytes, 1.2 s",
        "  pta: 1,234 rules, 3 lines not enforced, 1 of them held",
        "    2: is an address",
        "      pta.csv line 48213:3: 1.2.3.4",
        "      pta.csv line 48214:3: 1.2.3.4",
        f"    1: {PRIVATE_SUFFIX}",
        "      pta.csv line 9:1: github.io",
    ]


def test_what_is_worth_a_remark_gets_one() -> None:
    lines = render_report(full()).splitlines()

    assert lines[1] == "URL image 7: 7 URLs, 4,096 bytes"
    assert lines[3:7] == [
        "    8 URLs: enforced where the path is seen, which is HTTP only",
        "    4 duplicates: the first one counts",
        "    40 folded: covered by a rule above",
        "    1 conflicts: the list both blocks and allows a name",
    ]
    assert "      pta.csv sheet two line 3:1: x" in lines


def test_every_entry_has_one_state_of_enforceability() -> None:
    source = full().sources[0]

    assert source.enforceability == {
        "enforced": 1231,
        "enforced_http_only": 7,
        "not_enforceable_at_this_layer": 2,
        "refused_protected": 1,
        "pending_review": 1,
        "invalid": 1,
        "duplicate": 4,
        "withdrawn": 0,
        "expired": 0,
    }
    assert sum(source.enforceability.values()) == source.n_rules + source.n_skipped


def test_every_line_is_counted_and_the_first_are_kept() -> None:
    full = report(SAMPLES + 5)

    assert full.n_skipped == SAMPLES + 6
    assert len(full.sources[0].samples["is an address"]) == SAMPLES
    assert "      … and 5 more" in render_report(full)


def test_however_many_reasons_a_list_has_its_report_stays_small() -> None:
    source = SourceReport("x", None)
    for i in range(10 * MAX_REASONS):
        source.note(SkippedLine(i, 1, "y" * 10_000, f"reason {i}"))

    assert len(source.skipped) == MAX_REASONS + 1
    assert source.skipped[OTHER_REASONS] == 9 * MAX_REASONS
    assert source.n_skipped == 10 * MAX_REASONS
    assert sum(len(item.text) for kept in source.samples.values() for item in kept) < 300 * (MAX_REASONS + SAMPLES)


def test_the_parts_of_a_list_are_numbered_as_they_come() -> None:
    source = SourceReport("x", None)

    assert [source.part_number(part) for part in ("", "urls", "domains", "urls")] == [0, 1, 2, 1]
    source.parts |= {str(i): i for i in range(MAX_PARTS)}
    with pytest.raises(BadList, match="parts; not read; "):
        source.part_number("one more")


def test_a_confidential_lists_report_says_where_and_never_what() -> None:
    text = render_report(report(1, confidential=True)) + json.dumps(report_as_json(report(1, confidential=True)))

    assert "pta.csv line 48213:3\n" in text
    assert "1.2.3.4" not in text
    assert "github.io" not in text


def test_a_report_in_json_holds_the_same() -> None:
    said = json.loads(json.dumps(report_as_json(full())))

    assert (said["names"], said["urls"], said["rules"], said["skipped"], said["bytes"]) == (1200, 7, 1242, 5, 65536)
    assert said["bytes_a_name"] == 54.61
    assert said["enforceability"] == said["lists"][0]["enforceability"]
    of_list = said["lists"][0]
    assert of_list["skipped"] == {IS_ADDRESS: 2, PRIVATE_SUFFIX: 1, BAD_LABEL: 1, PROTECTED: 1}
    assert of_list["samples"][0] == {"line": 48213, "column": 3, "text": "1.2.3.4", "reason": IS_ADDRESS, "part": ""}
    assert (of_list["modes"], of_list["actions"]) == ({"subtree": 1229, "exact": 9}, {"splash": 1237, "passthru": 1})
    assert (of_list["names"], of_list["urls"], of_list["folded"], of_list["duplicates"]) == (1230, 7, 40, 4)
    assert (of_list["conflicts"], of_list["held"], of_list["lines_per_s"]) == (1, 2, 2494)
