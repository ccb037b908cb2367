"""A sealed list as keyed digests: all that leaves the process that can read it.

    items ─ guards ─→ builders of its own ─→ rows of digests ─→ the builders of the image  (compiler.collector)

Invariants: no name, no URL and no text of an entry is in it; an entry is named by its line alone, which tells its owner
which one is meant, and no one else.
Source: C3 and C4 of the requirements on CSAM lists: keyed digests, and ids in place of entries.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.lists.compiler.enforceability import Enforceability, enforceability_of


@dataclass(frozen=True, slots=True)
class Digests:
    """names, urls   rows, as digests() of NamesBuilder and UrlsBuilder gives them;   n_names, n_urls  how many rules

    skipped   entries that are not enforced, by reason;   entries  lines by enforceability, but of what is enforced
    letters   of sealed orders: number of an order → state → entries;   lines  the same of their lines"""

    names: bytes
    urls: bytes
    n_names: int
    n_urls: int
    skipped: Mapping[str, int]
    entries: dict[str, list[int]] = field(default_factory=dict)
    letters: dict[int, dict[str, int]] = field(default_factory=dict)
    lines: dict[int, dict[str, list[int]]] = field(default_factory=dict)


def merged(orders: Mapping[int, Digests]) -> Digests:
    """Sealed orders as one list.   orders  by number"""
    skipped: Counter[str] = Counter()
    for each in orders.values():
        skipped.update(each.skipped)
    return Digests(
        b"".join(each.names for each in orders.values()),
        b"".join(each.urls for each in orders.values()),
        sum(each.n_names for each in orders.values()),
        sum(each.n_urls for each in orders.values()),
        dict(skipped),
        letters={order: _counts(each) for order, each in orders.items()},
        lines={order: each.entries for order, each in orders.items()},
    )


def _counts(one: Digests) -> dict[str, int]:
    """Entries by how far they are enforced."""
    counts: Counter[str] = Counter()
    counts[Enforceability.ENFORCED.value] += one.n_names
    counts[Enforceability.ENFORCED_HTTP_ONLY.value] += one.n_urls
    for reason, n in one.skipped.items():
        counts[enforceability_of(reason).value] += n
    return {state: n for state, n in counts.items() if n}
