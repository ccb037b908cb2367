"""CERT Polska's hole list, version 2, as JSON: an array of domains, each with the days on which it came and went.

    [{"RegisterPositionId": 1, "DomainAddress": "bad.example", "InsertDate": "2026-08-04T10:00:00", "DeleteDate": null}]

A domain with a DeleteDate is history: reported, not enforced.
Source: hole.cert.pl/domains/v2/domains.json
"""

from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Mode
from rules.base.errors import BadName
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats.addresses import rule_of_value
from rules.formats.elements import Elements, skipped_at

IS_DELETED = "the domain has been taken off the list"
NO_DOMAIN = "the entry has no DomainAddress"


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read the array, lazily.   Raises BadList for a file that is no list.   Cost: some 5 µs an entry."""
    text = Elements(lines)
    for place in text.elements():
        entry = text.value()
        name = entry.get("DomainAddress") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            yield skipped_at(place, entry, NO_DOMAIN)
        elif entry.get("DeleteDate") is not None:
            yield skipped_at(place, name, IS_DELETED)
        else:
            try:
                yield rule_of_value(name, default_mode, Mode.EXACT, place.line)
            except BadName as exc:
                yield skipped_at(place, name, exc.reason)
    text.end()
