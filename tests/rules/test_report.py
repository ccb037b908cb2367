import json
from pathlib import Path

from rules.report import SAMPLES, CompileReport, SourceReport, render_report, report_as_json
from rules.rule import Skipped
from rules.suffixes import PRIVATE_SUFFIX


def report(n_skipped: int, confidential: bool = False) -> CompileReport:
    source = SourceReport("pta", Path("lists/pta.csv"), confidential, n_rules=1234)
    for i in range(n_skipped):
        source.note(Skipped(48213 + i, 3, "1.2.3.4", "is an address"))
    source.note(Skipped(9, 1, "github.io", PRIVATE_SUFFIX))
    return CompileReport(Path("names-7.img"), 7, [source], n_names=1200, n_entries=1234, size_bytes=65536, seconds=1.25)


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


def test_every_line_is_counted_and_the_first_are_kept() -> None:
    full = report(SAMPLES + 5)

    assert full.n_skipped == SAMPLES + 6
    assert len(full.sources[0].samples["is an address"]) == SAMPLES
    assert "      … and 5 more" in render_report(full)


def test_a_confidential_lists_report_says_where_and_never_what() -> None:
    text = render_report(report(1, confidential=True)) + json.dumps(report_as_json(report(1, confidential=True)))

    assert "pta.csv line 48213:3\n" in text
    assert "1.2.3.4" not in text
    assert "github.io" not in text


def test_a_report_in_json_holds_the_same() -> None:
    said = json.loads(json.dumps(report_as_json(report(2))))

    assert (said["names"], said["rules"], said["skipped"], said["bytes"]) == (1200, 1234, 3, 65536)
    assert said["lists"][0]["skipped"] == {"is an address": 2, PRIVATE_SUFFIX: 1}
    assert said["lists"][0]["samples"][0] == {"line": 48213, "column": 3, "text": "1.2.3.4", "reason": "is an address"}
