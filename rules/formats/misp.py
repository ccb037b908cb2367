"""MISP events: attributes of the types domain, hostname, url, domain|ip and hostname|port that are meant for detection.

A feed is a folder with manifest.json, which names its events, and one file an event; rules.lists.source opens these one
by one, so that here there is always one event, or the `response` of events or attributes that an API answers with.

    {"Event": {"Attribute": [{"type": "domain", "value": "bad.example", "to_ids": true, "deleted": false}],
               "Object": [{"Attribute": [...]}]}}

A hostname means that host; a domain means what the source says; a hostname with a port means the URLs at this port.
Source: MISP core format, draft-dulaunoy-misp-core-format §2.4.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from fastpath.images.verdict import Mode
from rules.base.errors import BadName
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats.addresses import rule_of_value
from rules.formats.elements import Elements, Place, skipped_at

MANIFEST = "manifest.json"
NOT_FOR_DETECTION = "the attribute is not meant for detection (to_ids)"
IS_DELETED = "the attribute has been deleted"
OTHER_TYPE = "the attribute's type has neither a name nor a URL"
NO_VALUE = "the attribute has no value"

_TYPES = ("domain", "hostname", "url", "domain|ip", "hostname|port")  # a link leads to what others wrote about it
_HOLDERS = ("Event", "Object", "response")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read one event, lazily.   Raises BadList for a file of another kind.   Cost: some 10 µs an attribute."""
    text = Elements(lines)
    is_event = False
    for key in text.members():
        is_event = is_event or key in _HOLDERS or key == "Attribute"
        yield from _read_member(text, key, default_mode)
    text.end()
    if not is_event:
        text.refuse("no event")


def read_manifest(lines: Iterable[bytes]) -> list[str]:
    """The names of the event files that a manifest names, in its order.   Raises BadList."""
    text = Elements(lines)
    names = []
    for uuid in text.members():
        if not _UUID.fullmatch(uuid):
            text.refuse("an event whose key is not a UUID")
        names.append(uuid + ".json")
    text.end()
    return names


def _read_member(text: Elements, key: str, mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Walk to the attributes, through the members that hold any."""
    if key == "Attribute":
        yield from _read_attributes(text, mode)
    elif key in _HOLDERS:
        for _place in text.elements() if text.kind() == "[" else (None,):
            for inner in text.members():
                yield from _read_member(text, inner, mode)


def _read_attributes(text: Elements, mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    for place in text.elements():
        attribute = text.value()
        reason = _why_not(attribute)
        if reason is not None:
            yield skipped_at(place, _shown(attribute), reason)
            continue
        try:
            yield _rule_of(attribute, place, mode)
        except BadName as exc:
            yield skipped_at(place, attribute["value"], exc.reason)


def _why_not(attribute: Any) -> str | None:
    if not isinstance(attribute, dict) or not isinstance(attribute.get("value"), str):
        return NO_VALUE
    if attribute.get("type") not in _TYPES:
        return OTHER_TYPE
    if attribute.get("deleted") not in (None, False, "0", 0):
        return IS_DELETED
    if attribute.get("to_ids") not in (True, "1", 1):
        return NOT_FOR_DETECTION
    return None


def _rule_of(attribute: dict[str, Any], place: Place, mode: Mode) -> Rule | UrlRule:
    kind, value = attribute["type"], attribute["value"]
    if kind == "hostname|port":  # all that is at this port, and of the host nothing else
        return rule_of_value(value.replace("|", ":", 1), Mode.EXACT, Mode.SUBTREE, place.line)
    if kind == "domain|ip":
        value = value.partition("|")[0]
    return rule_of_value(value, Mode.EXACT if kind == "hostname" else mode, Mode.EXACT, place.line)


def _shown(attribute: Any) -> object:
    return attribute.get("value", attribute) if isinstance(attribute, dict) else attribute
