"""STIX 2.1: indicators of a bundle, or of a TAXII answer, whose pattern says that a name or a URL equals a text.

    {"type": "indicator", "pattern_type": "stix", "pattern": "[domain-name:value = 'bad.example']",
     "valid_until": "2026-11-04T00:00:00Z", "revoked": false}

Patterns are equalities and OR between them; each stands for itself, so one that is no name does not hinder the others.
What is narrower (AND, FOLLOWEDBY, qualifiers) or wider (LIKE, MATCHES) is reported: never widened, never guessed.
Objects that are no indicators (reports, identities, markings) say nothing and are passed over in silence.

Absent on purpose: versions.  Of two versions of one indicator in one bundle both count; a collection gives the newest.
Source: STIX 2.1 §3.2 (revoked), §4.7 (indicator), §9 (patterns).
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from fastpath.images.verdict import Mode
from rules.base.canonical import IS_ADDRESS
from rules.base.errors import BadName
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats.addresses import rule_of_value
from rules.formats.elements import Elements, Place, parse_time, skipped_at

IS_REVOKED = "the indicator has been revoked"
IS_EXPIRED = "the indicator is no longer valid"
NOT_YET = "the indicator is not valid yet"
BAD_TIME = "the indicator's time is not valid"
NO_PATTERN = "the indicator has no STIX pattern"
OTHER_PATTERN = "the pattern does more than compare a name or a URL: not widened"
OTHER_OBJECT = "the pattern refers to an object other than a name or URL"
NO_OBJECT = "the entry is not a STIX object"

_ADDRESSES = ("ipv4-addr:value", "ipv6-addr:value")
_TOKEN = re.compile(
    r"""
    \s*(?: (?P<mark>[\[\]()]) | (?P<or>OR\b)
         | (?P<path>[a-z][a-z0-9-]*:[A-Za-z0-9_.'\[\]*-]*[A-Za-z0-9_'\]]) \s*=\s* '(?P<text>(?:[^'\\]|\\['\\])*)' )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")


def iter_rules(
    lines: Iterable[bytes], default_mode: Mode, clock: Callable[[], float] = time.time
) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read a bundle, lazily.   Raises BadList for a file of another kind.   Cost: some 15 µs an indicator."""
    now = datetime.fromtimestamp(clock(), UTC)
    text = Elements(lines)
    is_bundle = False
    for key in text.members():
        if key == "objects":
            is_bundle = True
            yield from _read_objects(text, default_mode, now)
    text.end()
    if not is_bundle:
        text.refuse("no objects")


def _read_objects(text: Elements, mode: Mode, now: datetime) -> Iterator[Rule | UrlRule | SkippedLine]:
    for place in text.elements():
        found = text.value()
        if not isinstance(found, dict) or not isinstance(found.get("type"), str):
            yield skipped_at(place, found, NO_OBJECT)
        elif found["type"] == "indicator":
            yield from _read_indicator(found, place, mode, now)


def _read_indicator(
    indicator: dict[str, Any], place: Place, mode: Mode, now: datetime
) -> Iterator[Rule | UrlRule | SkippedLine]:
    pattern = indicator.get("pattern")
    if not isinstance(pattern, str) or indicator.get("pattern_type", "stix") != "stix":
        yield skipped_at(place, pattern or indicator.get("id", ""), NO_PATTERN)
        return
    reason = IS_REVOKED if indicator.get("revoked") not in (None, False) else _out_of_time(indicator, now)
    equalities = parse_pattern(pattern) if reason is None else None
    if equalities is None:
        yield skipped_at(place, pattern, reason or OTHER_PATTERN)
        return
    for path, value in equalities:
        yield _read_equality(path, value, place, mode)


def parse_pattern(pattern: str) -> list[tuple[str, str]] | None:
    """The (object path, text) equalities that a pattern ORs; None where it is anything else.   Cost: linear."""
    found: list[tuple[str, str]] = []
    at, brackets, is_open, wants_term = 0, [], False, True
    pattern = pattern.strip()
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return None
        at = token.end()
        mark = token["mark"]
        if mark in ("[", "("):
            # STIX 2.1 §9.4: comparisons stand inside of one pair of square brackets
            if not wants_term or (mark == "[" and is_open):
                return None
            brackets.append("]" if mark == "[" else ")")
            is_open = is_open or mark == "["
        elif mark is not None:
            if wants_term or not brackets or brackets.pop() != mark:
                return None
            is_open = is_open and mark != "]"
        elif token["or"]:
            if wants_term:
                return None
            wants_term = True
        else:
            if not wants_term or not is_open:
                return None
            found.append((token["path"], _ESCAPE.sub(r"\1", token["text"])))
            wants_term = False
    return found if found and not brackets and not wants_term else None


def _read_equality(path: str, value: str, place: Place, mode: Mode) -> Rule | UrlRule | SkippedLine:
    if path in _ADDRESSES:
        return skipped_at(place, value, IS_ADDRESS)
    if path not in ("domain-name:value", "url:value"):
        return skipped_at(place, f"{path} = {value}", OTHER_OBJECT)
    try:
        return rule_of_value(value, mode, Mode.EXACT, place.line)
    except BadName as exc:
        return skipped_at(place, value, exc.reason)


def _out_of_time(indicator: dict[str, Any], now: datetime) -> str | None:
    begin, end = indicator.get("valid_from"), indicator.get("valid_until")
    try:
        if end is not None and parse_time(end) <= now:
            return IS_EXPIRED
        return NOT_YET if begin is not None and parse_time(begin) > now else None
    except (TypeError, ValueError):
        return BAD_TIME
