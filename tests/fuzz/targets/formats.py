"""Any octets are lists of every format: rules, skipped lines and `BadList` come out, and nothing else."""
from fastpath.name import to_wire
from fastpath.verdict import Action, Mode
from rules.errors import BadList
from rules.formats import FORMATS
from rules.rule import SAMPLE_CHARACTERS, Rule, Skipped


def check(data: bytes) -> None:
    lines = data.splitlines(keepends=True)
    for iter_rules in FORMATS.values():
        for mode in (Mode.EXACT, Mode.SUBTREE):
            try:
                items = list(iter_rules(lines, mode))
            except BadList as bad:
                assert str(bad).startswith("line ")
                continue
            for item in items:
                _check_item(item, len(lines))


def _check_item(item: Rule | Skipped, n_lines: int) -> None:
    assert 1 <= item.line <= n_lines
    if isinstance(item, Skipped):
        assert item.column >= 1 and item.reason
        assert item.text.isprintable() and len(item.text) <= 10 * SAMPLE_CHARACTERS
        return
    assert item.wire.endswith(b"\0") and 3 <= len(item.wire) <= 255
    assert isinstance(item.mode, Mode) and isinstance(item.action, Action)
    assert item.wire == to_wire(_text(item.wire))


def _text(wire: bytes) -> bytes:
    labels = []
    at = 0
    while wire[at]:
        labels.append(wire[at + 1:at + 1 + wire[at]])
        at += wire[at] + 1
    return b".".join(labels)
