"""A pasted link becomes the name that the rules can hold, and what is known of that name.

Invariants: what a person pastes is never opened; a name is shown as it is compared.
"""

import functools
from collections.abc import Mapping
from urllib.parse import urlsplit

from parental.people.household_names import DENIED, household_names
from parental.store.errors import BadProfile
from rules.lists.catalogue import domains_of, services

WWW = "www."


def name_of(field: str, pasted: str) -> str:
    """The name of a link, or of a name as people write it; its `www.` stands for the whole site.

    field  ALLOWED or DENIED.   Raises BadProfile"""
    host = _host(pasted.strip())
    for text in (host.removeprefix(WWW), host):
        try:
            (name,) = household_names(field, [text])
        except BadProfile:
            continue
        return name
    (name,) = household_names(field, [host])
    return name


def service_of(name: str) -> str | None:
    """The service that a name belongs to, itself or by a name above it."""
    known, labels = _domains(), name.split(".")
    above = (".".join(labels[n:]) for n in range(len(labels)))
    return next((known[each] for each in above if each in known), None)


def _host(pasted: str) -> str:
    """Raises BadProfile"""
    try:
        found = urlsplit(pasted if "//" in pasted[:8] else f"//{pasted}").hostname
    except ValueError:
        found = None
    if not found:
        raise BadProfile(f"{DENIED}: {pasted[:60]!r} holds no name; not accepted; paste a link, or write example.com")
    return found


@functools.cache
def _domains() -> Mapping[str, str]:
    """Every name of a service.   Cost: some 10 ms, once a process"""
    return {name: service.name for service in services().values() for name in domains_of(service)}
