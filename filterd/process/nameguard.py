"""Refuses to start if another distribution has installed a package under one of our names.

`dns` is also the import name of dnspython: pip merges the two trees without a word, and removing one then breaks the
other.
Invariants: an empty result means that filterd alone uses its six names.
Cost: one look at the installed distributions, about 10 ms.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import packages_distributions

OUR_NAMES = ("fastpath", "rules", "parental", "dns", "mgmt", "filterd")
OUR_DISTRIBUTION = "filterd"


def foreign_claims(installed: Mapping[str, Sequence[str]] | None = None) -> dict[str, set[str]]:
    """Our package names that another distribution claims, with who claims them."""
    found = packages_distributions() if installed is None else installed
    claims = {name: set(found.get(name, ())) - {OUR_DISTRIBUTION} for name in OUR_NAMES}
    return {name: who for name, who in claims.items() if who}


def claims_text(claims: Mapping[str, set[str]]) -> str:
    """What is wrong and what to do, one line a name."""
    return "\n".join(
        f"package {name}: '{', '.join(sorted(who))}' is installed in the same place; not started; "
        f"give filterd an environment of its own or remove {' and '.join(sorted(who))}"
        for name, who in claims.items()
    )
