"""Collects a list's items into the builders: guards, names and URLs by number, canaries, report.

Invariants: every item is either in a builder or counted in the report; no list of items is ever in memory.
Cost: some 0.7 µs a name, of which a third is the builder's.
"""

from collections.abc import Callable, Iterable

from fastpath.images.names_builder import NamesBuilder
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action
from fastpath.wire.address import rule_text
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.lists.compiler.canary import CANARY_EVERY, Canaries
from rules.lists.compiler.digests import Digests
from rules.lists.compiler.enforceability import Enforceability, enforceability_of
from rules.lists.compiler.guards import Rails
from rules.lists.compiler.report import SourceReport

_NAME, _URL = Enforceability.ENFORCED.value, Enforceability.ENFORCED_HTTP_ONLY.value
OrderNumber = Callable[[str], int]  # the number of the order that a list names by its letter


class Intake:
    """The builders of one compilation, and the canaries of what went into them."""

    def __init__(self, names: NamesBuilder, urls: UrlsBuilder) -> None:
        self.names, self.urls = names, urls
        self.canaries = Canaries()

    def take(
        self,
        number: int,
        items: Iterable[Rule | UrlRule | SkippedLine],
        rails: Rails,
        order_number: OrderNumber,
        report: SourceReport,
    ) -> None:
        """Give the items of list `number` to the builders.   Raises what reading them raises."""
        add, refusal, passthru = self.names.add, rails.refusal, Action.PASSTHRU
        enforced: dict[int, int] = {}  # order's number: names
        part, part_number = "", 0
        n_rules = 0
        for item in items:
            if type(item) is Rule:
                wire, mode, action, line, order_ref, data, item_part = item
                order = 0 if order_ref is None else order_number(order_ref)
                reason = refusal(wire, mode, action)
                if reason is not None:
                    report.note_letter(order, enforceability_of(reason).value)
                    report.note(SkippedLine(line, 1, rule_text(wire), reason, part=item_part))
                    continue
                if item_part != part:
                    part, part_number = item_part, report.part_number(item_part)
                add(
                    wire,
                    number,
                    mode,
                    action,
                    order,
                    data,
                    line,
                    part_number,
                )
                if n_rules % CANARY_EVERY == 0:
                    self.canaries.note(number, wire, mode)
                if order and action is not passthru:  # an exception enforces nothing
                    enforced[order] = enforced.get(order, 0) + 1
                n_rules += 1
            elif type(item) is UrlRule:
                self._take_url(number, item, order_number, report)
            elif type(item) is SkippedLine:
                if item.order_ref is not None:
                    report.note_letter(order_number(item.order_ref), enforceability_of(item.reason).value)
                report.note(item)
        report.n_name_rules = n_rules
        for order, n in enforced.items():
            report.note_letter(order, _NAME, n)

    def take_digests(self, number: int, digests: Digests, report: SourceReport) -> None:
        """Give the builders what the reader of a sealed list has made of it.   Raises ValueError for other octets"""
        self.names.add_digests(digests.names, number)
        self.urls.add_digests(digests.urls, number)
        report.n_name_rules, report.n_url_rules = digests.n_names, digests.n_urls
        report.skipped = dict(digests.skipped)
        report.samples = {reason: [] for reason in digests.skipped}
        report.entries, report.lines = digests.entries, digests.lines
        report.letters = {order: dict(counts) for order, counts in digests.letters.items()}

    def _take_url(self, number: int, item: UrlRule, order_number: OrderNumber, report: SourceReport) -> None:
        order = 0 if item.order_ref is None else order_number(item.order_ref)
        part_number = report.part_number(item.part)
        self.urls.add(item.url, number, item.mode, item.action, order, item.line, part_number)
        if item.action is not Action.PASSTHRU:
            report.note_letter(order, _URL)
        if report.n_url_rules % CANARY_EVERY == 0:
            self.canaries.note_url(number, item.url)
        report.n_url_rules += 1
