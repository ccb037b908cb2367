"""What the list tests share: a text in, short tuples out."""
from collections.abc import Callable, Iterable, Iterator

from fastpath.name import to_text
from fastpath.verdict import Action, Mode
from rules.rule import Rule, Skipped

IterRules = Callable[[Iterable[bytes], Mode], Iterator[Rule | Skipped]]


def items(iter_rules: IterRules, text: str | bytes, mode: Mode = Mode.SUBTREE) -> list[Rule | Skipped]:
    octets = text.encode() if isinstance(text, str) else text
    return list(iter_rules(octets.splitlines(keepends=True), mode))


def rules(found: Iterable[Rule | Skipped]) -> list[tuple[str, Mode]]:
    return [(to_text(item.wire), item.mode) for item in found if isinstance(item, Rule)]


def actions(found: Iterable[Rule | Skipped]) -> list[tuple[str, Mode, Action]]:
    return [(to_text(item.wire), item.mode, item.action) for item in found if isinstance(item, Rule)]


def complaints(found: Iterable[Rule | Skipped]) -> list[tuple[int, int, str]]:
    return [(item.line, item.column, item.reason) for item in found if isinstance(item, Skipped)]
