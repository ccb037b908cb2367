"""The list formats by name.  Each module has one iter_rules(lines, default_mode)."""
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType

from fastpath.verdict import Mode
from rules.formats import hosts, plain, rpz, table
from rules.rule import Rule, Skipped

FORMATS: MappingProxyType[str, Callable[[Iterable[bytes], Mode], Iterator[Rule | Skipped]]] = MappingProxyType({
    "plain": plain.iter_rules,
    "hosts": hosts.iter_rules,
    "rpz": rpz.iter_rules,
    "csv": table.iter_rules,
})
