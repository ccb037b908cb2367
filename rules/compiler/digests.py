"""A sealed list as keyed digests: all that leaves the process that can read it.

    items ─ guards ─→ builders of its own ─→ rows of digests ─→ the builders of the image   (rules.compiler.collector)

Invariants: no name, no URL and no text of an entry is in it; an entry is named by its line alone, which tells its owner
which one is meant, and no one else.
Source: C3 and C4 of the requirements on CSAM lists: keyed digests, and ids in place of entries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Digests:
    """names, urls   rows, as digests() of NamesBuilder and UrlsBuilder gives them;   n_names, n_urls  how many rules

    skipped   entries that are not enforced, by reason;   entries  lines by enforceability, but of what is enforced"""

    names: bytes
    urls: bytes
    n_names: int
    n_urls: int
    skipped: Mapping[str, int]
    entries: dict[str, list[int]] = field(default_factory=dict)
