from collections.abc import Iterator

import msgspec
import pytest

from fastpath.images.verdict import Action, Mode
from fastpath.wire.address import ADDRESSES
from fastpath.wire.name import to_wire
from rules.base.canonical import IS_ADDRESS
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.base.watched import WatchList
from rules.lists.compiler import sealed_digests
from rules.lists.compiler.sealed_digests import Item, ProtectionSpec, digest_items
from rules.lists.source import describe_source

KEY = bytes(range(16))
SOURCE = describe_source("stop", None, {"tier": "csam"})


def rule(name: str, line: int = 1, action: Action = Action.NO_ACTION, **more: object) -> Rule:
    return Rule(to_wire(name.encode()), Mode.SUBTREE, action, line)._replace(**more)  # type: ignore[arg-type]


def test_a_rule_without_a_place_in_digests_loses_what_has_none() -> None:
    plain = digest_items([rule("a.test")], SOURCE, KEY, ProtectionSpec())
    full = [rule("a.test", action=Action.LOCAL_DATA, data=b"x", order_ref="PTA/1", part="sheet")]

    assert digest_items(full, SOURCE, KEY, ProtectionSpec()) == plain


def test_an_exception_stays_one() -> None:
    blocks, opens = (
        digest_items([rule("a.test", action=action)], SOURCE, KEY, ProtectionSpec()).names
        for action in (Action.NO_ACTION, Action.PASSTHRU)
    )

    assert blocks != opens


def test_an_address_which_no_digest_can_say_is_told_as_not_enforced() -> None:
    found = digest_items([rule("a.test")._replace(wire=b"\x01a" + ADDRESSES)], SOURCE, KEY, ProtectionSpec())

    assert (found.n_names, dict(found.skipped)) == (0, {IS_ADDRESS: 1})


def test_what_is_protected_or_watched_is_held_here_as_elsewhere() -> None:
    watched = WatchList("pk-critical, bank", below=frozenset({to_wire(b"bank.test")}))
    guarded = ProtectionSpec(["isp.test"], [], [watched], [to_wire(b"free.bank.test")])
    items = [rule("isp.test", 1), rule("bank.test", 2), rule("free.bank.test", 3), rule("a.test", 4)]

    found = digest_items(items, SOURCE, KEY, guarded)
    sent = digest_items(items, SOURCE, KEY, msgspec.json.decode(msgspec.json.encode(guarded), type=ProtectionSpec))

    assert (found.n_names, found.entries) == (2, {"refused_protected": [1], "pending_review": [2]})
    assert sent == found


def test_lines_are_told_up_to_a_number_and_counts_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_digests, "MOST_ENTRIES", 2)

    def items() -> Iterator[Item]:
        for line in range(5):
            yield UrlRule(b"b.test/%d" % line, Mode.EXACT, Action.NO_ACTION, line)
            yield SkippedLine(line, 1, "", "a reason")

    found = digest_items(items(), SOURCE, KEY, ProtectionSpec())

    assert found.entries == {"enforced_http_only": [0, 1], "invalid": [0, 1]}
    assert (found.n_urls, dict(found.skipped)) == (5, {"a reason": 5})
