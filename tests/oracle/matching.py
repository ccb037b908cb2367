"""Matching and precedence as one would explain them: lists are dictionaries, a name is asked suffix by suffix."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from fastpath.images.key_builder import ListSpec
from fastpath.images.verdict import Action, Mode, Tier


class Entry(NamedTuple):
    list: str
    name: str
    mode: Mode
    action: Action = Action.NO_ACTION


class Verdict(NamedTuple):
    action: Action
    tier: Tier
    list: str | None
    rule: str | None
    mode: Mode | None
    matched: tuple[str, ...]


def suffixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(".")[2]


def is_match(entry: Entry, name: str) -> bool:
    is_itself = name == entry.name
    is_below = name.endswith("." + entry.name)
    if entry.mode is Mode.EXACT:
        return is_itself
    if entry.mode is Mode.SUBTREE:
        return is_itself or is_below
    return is_below


def matches(entries: Iterable[Entry], name: str) -> set[tuple[str, str, Mode]]:
    return {(entry.list, entry.name, entry.mode) for entry in entries if is_match(entry, name)}


def voice(entries: Iterable[Entry], spec: ListSpec, name: str) -> Entry | None:
    """The entry through which one list speaks: of the longest suffix, exact before subtree before below."""
    speaking = [entry for entry in entries if entry.list == spec.id and is_match(entry, name)]
    return min(speaking, key=lambda entry: (-len(entry.name), entry.mode), default=None)


def decide(lists: Sequence[ListSpec], entries: Sequence[Entry], name: str, categories: frozenset[int]) -> Verdict:
    """Who speaks first decides; an exception speaks for a list of help or security, and silences any other."""
    best = Verdict(Action.PASSTHRU, Tier.DEFAULT, None, None, None, ())
    matched = []
    for spec in lists:
        entry = voice(entries, spec, name)
        if entry is None:
            continue
        action = Action(spec.action) if entry.action is Action.NO_ACTION else entry.action
        if action is not Action.PASSTHRU:
            matched.append(spec.id)
        elif spec.tier not in (Tier.HELP, Tier.SECURITY):
            continue
        if spec.tier in (Tier.SERVICE, Tier.CATEGORY) and spec.category not in categories:
            continue
        if spec.tier < best.tier:
            rule = None if spec.confidential else entry.name
            best = Verdict(action, Tier(spec.tier), spec.id, rule, entry.mode, ())
    return best._replace(matched=tuple(matched))
