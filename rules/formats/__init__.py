"""The list formats by name.  Each module has one iter_rules(lines, default_mode); `lines` is what the format takes:

lines of octets, unless it is named here:  BLOCK_FORMATS  any blocks of the text;  FILE_FORMATS  a file that can seek.
"""

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType

from fastpath.images.verdict import Mode
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats import (
    adblock,
    addresslist,
    certpl,
    cncpo,
    dnsmasq,
    hosts,
    misp,
    native,
    plain,
    rpz,
    stix,
    table,
    unbound,
    ut1,
    xlsx,
)
from rules.formats.columns import ColumnMap

IterRules = Callable[[Iterable[bytes], Mode], Iterator[Rule | UrlRule | SkippedLine]]
IterTable = Callable[[Iterable[bytes], Mode, ColumnMap | None], Iterator[Rule | UrlRule | SkippedLine]]

FORMATS: MappingProxyType[str, IterRules] = MappingProxyType(
    {
        "plain": plain.iter_rules,
        "addresses": addresslist.iter_rules,
        "hosts": hosts.iter_rules,
        "dnsmasq": dnsmasq.iter_rules,
        "adblock": adblock.iter_rules,
        "rpz": rpz.iter_rules,
        "unbound": unbound.iter_rules,
        "ut1": ut1.iter_rules,
        "csv": table.iter_rules,
        "xlsx": xlsx.iter_rules,
        "cncpo": cncpo.iter_rules,
        "certpl": certpl.iter_rules,
        "stix": stix.iter_rules,
        "misp": misp.iter_rules,
        "native": native.iter_rules,
    }
)
TABLE_FORMATS: MappingProxyType[str, IterTable] = MappingProxyType(
    {
        "csv": table.iter_rules,
        "xlsx": xlsx.iter_rules,
    }
)
BLOCK_FORMATS = frozenset({"certpl", "stix", "misp", "native"})
FILE_FORMATS = frozenset({"xlsx"})
