import io
from collections.abc import Iterable
from pathlib import Path

from fastpath.images.list_stats import tally
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action, Mode
from rules.base.canonical import canonical_wire
from rules.base.protected import ProtectedNames
from rules.base.public_suffixes import ICANN_SUFFIX
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.lists.compiler.collector import Intake
from rules.lists.compiler.compile import list_specs
from rules.lists.compiler.guards import Rails
from rules.lists.compiler.report import SourceReport
from rules.lists.source import Source

SOURCE = Source("x", None)
OWN = Action.NO_ACTION


def taken(items: Iterable[Rule | UrlRule | SkippedLine]) -> tuple[Intake, SourceReport]:
    specs = list_specs([SOURCE])
    intake = Intake(NamesBuilder(bytes(16), specs), UrlsBuilder(bytes(16), specs))
    report = SourceReport("x", None)
    intake.take(0, items, Rails(SOURCE, ProtectedNames()), len, report)
    return intake, report


def test_every_item_is_in_a_builder_or_in_the_report() -> None:
    wire = canonical_wire("a.example")

    intake, report = taken(
        [
            Rule(wire, Mode.EXACT, OWN, 1),
            UrlRule(b"a.example/page", Mode.EXACT, OWN, 2),
            SkippedLine(3, 1, "..", "is empty"),
            Rule(canonical_wire("com"), Mode.SUBTREE, OWN, 4),
            Rule(wire, Mode.SUBTREE, OWN, 5),
        ]
    )

    assert (len(intake.names), len(intake.urls)) == (2, 1)
    assert (report.n_name_rules, report.n_url_rules) == (2, 1)
    assert report.skipped == {"is empty": 1, ICANN_SUFFIX: 1}
    assert report.samples[ICANN_SUFFIX] == [SkippedLine(4, 1, "com", ICANN_SUFFIX)]


def test_local_data_keeps_its_records() -> None:
    data = b"\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01"

    intake, _ = taken([Rule(canonical_wire("a.example"), Mode.EXACT, Action.LOCAL_DATA, 1, None, data)])

    out = io.BytesIO()
    intake.names.build(out, 1)
    assert tally(intake.names)[0].by_action == {Action.LOCAL_DATA: 1}
    assert data in out.getvalue()


def test_a_rule_of_a_part_is_counted_under_its_number() -> None:
    _, report = taken(
        [
            Rule(canonical_wire("a.example"), Mode.EXACT, OWN, 1, part="domains"),
            UrlRule(b"a.example/page", Mode.EXACT, OWN, 1, part="urls"),
            Rule(canonical_wire("b.example"), Mode.EXACT, OWN, 2, part="domains"),
        ]
    )

    assert report.parts == {"domains": 1, "urls": 2}


def test_entries_of_a_letter_are_counted_by_what_became_of_them() -> None:
    rule = Rule(canonical_wire("a.example"), Mode.SUBTREE, OWN, 1, "L-1")
    suffix = Rule(canonical_wire("com.pk"), Mode.SUBTREE, OWN, 2, "L-1")
    opened = Rule(canonical_wire("b.example"), Mode.SUBTREE, Action.PASSTHRU, 3, "L-1")
    url = UrlRule(b"a.example/x", Mode.EXACT, OWN, 4, "L-1")
    bad = SkippedLine(5, 1, "?", "no letter or digit", order_ref="L-1")
    report = SourceReport("x", Path("x.csv"))
    Intake(NamesBuilder(bytes(16), list_specs([SOURCE])), UrlsBuilder(bytes(16), list_specs([SOURCE]))).take(
        0, [rule, rule._replace(order_ref=None), suffix, opened, url, bad], Rails(SOURCE, ProtectedNames()), len, report
    )

    assert report.letters == {3: {"enforced": 1, "refused_protected": 1, "enforced_http_only": 1, "invalid": 1}}
