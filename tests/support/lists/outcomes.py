"""Helpers of the list tests: a text in, short tuples out."""

from collections.abc import Callable, Iterable, Iterator

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text
from rules.base.rule import Rule, SkippedLine, UrlRule

Item = Rule | UrlRule | SkippedLine
IterRules = Callable[[Iterable[bytes], Mode], Iterator[Item]]


def items(iter_rules: IterRules, text: str | bytes, mode: Mode = Mode.SUBTREE) -> list[Item]:
    octets = text.encode() if isinstance(text, str) else text
    return list(iter_rules(octets.splitlines(keepends=True), mode))


def rules(found: Iterable[Item]) -> list[tuple[str, Mode]]:
    return [(to_text(item.wire), item.mode) for item in found if isinstance(item, Rule)]


def urls(found: Iterable[Item]) -> list[tuple[str, Mode]]:
    return [(item.url.decode("ascii"), item.mode) for item in found if isinstance(item, UrlRule)]


def actions(found: Iterable[Item]) -> list[tuple[str, Mode, Action]]:
    return [(to_text(item.wire), item.mode, item.action) for item in found if isinstance(item, Rule)]


def complaints(found: Iterable[Item]) -> list[tuple[int, int, str]]:
    return [(item.line, item.column, item.reason) for item in found if isinstance(item, SkippedLine)]
