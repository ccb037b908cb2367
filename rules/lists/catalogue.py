"""What filterd brings along for lists: its own short lists, the domains of services, and where others publish lists.

    rules/catalogue/services.yaml, services/NAME.txt  our own data: a service, its category, picture and domains
    rules/catalogue/doh-servers.txt, …                our own lists
    rules/catalogue/sources.yaml                      where others publish lists; none of their content

A configuration names our own lists as `file: shipped:NAME`, which is a path of the release that reads it.
Invariants: every service of rules.base.category has a file and a picture; a name is a service's or a list's, not both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from rules.base.category import SERVICES

FOLDER: Final = Path(__file__).parents[1] / "catalogue"
SCHEME: Final = "shipped:"
OWN_LISTS: Final = MappingProxyType(  # name → how it is meant
    {
        "doh-servers": {"format": "plain", "match": "subtree", "tier": "category", "category": "bypass"},
        "ech-outer-names": {"format": "plain", "match": "exact", "tier": "category", "category": "bypass"},
    }
)


@dataclass(frozen=True, slots=True)
class Service:
    """One company's service.   picture: a drawing's name;   category: what its kind of site belongs to"""

    name: str
    number: int
    category: str
    picture: str

    @property
    def path(self) -> Path:
        """The list of its domains: plain, each with all below it."""
        return FOLDER / "services" / f"{self.name}.txt"


@dataclass(frozen=True, slots=True)
class CataloguedSource:
    """A list that can be added to a configuration.   rules: how many, when that was looked up; 0: not known"""

    name: str
    entry: Mapping[str, Any]  # the list's keys, but for its id
    publisher: str
    licence: str
    rules: int = 0
    seen: str = ""
    watch: str = ""


@cache
def services() -> Mapping[str, Service]:
    """All services, by name, in the order of their numbers."""
    said = _read("services.yaml")
    return {
        name: Service(name, number, said[name]["category"], said[name]["picture"]) for name, number in SERVICES.items()
    }


@cache
def sources() -> Mapping[str, CataloguedSource]:
    """All sources, by name: lists of others, then our own."""
    others = {name: _source_of(name, said) for name, said in _read("sources.yaml").items()}
    return others | {each.name: each for each in _own_sources()}


def shipped_path(name: str) -> Path:
    """Where a list of our own lies.   Raises KeyError"""
    if name in OWN_LISTS:
        return FOLDER / f"{name}.txt"
    return services()[name].path


def domains_of(service: Service) -> list[str]:
    """What a service's list holds: each with all below it."""
    from fastpath.wire.name import to_text  # late: every command reads the configuration, and few read a list
    from rules.base.rule import Rule
    from rules.lists.reader import read_source
    from rules.lists.source import describe_source

    source = describe_source(service.name, service.path, {"service": service.name})
    return [to_text(item.wire) for item in read_source(source) if isinstance(item, Rule)]


def _source_of(name: str, said: dict[str, Any]) -> CataloguedSource:
    rest = {key: str(said.get(key, "")) for key in ("publisher", "licence", "seen", "watch")}
    return CataloguedSource(name, said["list"], rules=int(said.get("rules", 0)), **rest)


def _own_sources() -> list[CataloguedSource]:
    service = {"format": "plain", "match": "subtree", "tier": "service"}
    entries = {name: service | {"service": name} for name in services()} | OWN_LISTS
    return [
        CataloguedSource(name, {"file": SCHEME + name} | entry, "filterd", "Apache-2.0")
        for name, entry in entries.items()
    ]


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return found
