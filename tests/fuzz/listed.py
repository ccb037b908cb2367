"""What holds for every list format: which items it may give, and what it may raise."""

import io

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text, to_wire
from rules.base.errors import BadList
from rules.base.rule import SAMPLE_CHARACTERS, Rule, SkippedLine, UrlRule
from rules.base.urls import canonical_url_octets
from rules.formats import FORMATS

# `,,,` names nothing and is reported once; an adblock rule's $denyallow and a dnsmasq line's domains are rules each
MOST_ITEMS_AN_OCTET = 1
ESCAPED = 6  # characters that \\uXXXX takes


def check_list(name: str, data: bytes) -> None:
    """The invariant of one format, for both ways in which a bare name may be meant."""
    for mode in (Mode.EXACT, Mode.SUBTREE):
        n_items = 0
        try:
            for item in FORMATS[name](io.BytesIO(data), mode):
                check_item(item)
                n_items += 1
                assert n_items <= _most_items(name, data)
        except BadList as bad:
            assert "; not read; " in str(bad) and str(bad).isprintable()


def check_item(item: Rule | UrlRule | SkippedLine) -> None:
    """What every item of every list keeps."""
    assert item.line >= 1 and item.part.isprintable()
    if isinstance(item, SkippedLine):
        assert item.column >= 1 and item.reason
        assert item.text.isprintable() and len(item.text) <= ESCAPED * SAMPLE_CHARACTERS
        return
    assert isinstance(item.mode, Mode) and isinstance(item.action, Action)
    if isinstance(item, UrlRule):
        assert item.mode is not Mode.BELOW and item.url == canonical_url_octets(item.url)
        return
    assert 3 <= len(item.wire) <= 255 and item.wire == to_wire(to_text(item.wire).encode())
    assert not item.data or item.action is Action.LOCAL_DATA
    _check_records(item.data)


def _check_records(data: bytes) -> None:
    """Whole records of {u16 type, u32 TTL, u16 length, rdata}."""
    at = 0
    while at < len(data):
        at += 8 + int.from_bytes(data[at + 6 : at + 8], "big")
    assert at == len(data) <= 512


def _most_items(name: str, data: bytes) -> int:
    """More of them would be a leak: each takes some octets of its own; a workbook's are compressed, and a prefix or a
    range is many rules."""
    return 1 + len(data) * {"xlsx": 1032, "addresses": 128, "rpz": 128, "native": 128}.get(name, 1)
