"""A decision in one sentence of each language: the tier that decided, as a family would read it.

Invariants: the sentence names no list and no order: those are the operator's; what a family has written itself, and a
category's name, are shown.   Source: semantics §3; the texts of mgmt.text.catalogue.
"""

from fastpath.images.decision import Decision
from fastpath.images.verdict import Action, Tier
from filterd.images.words import word
from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import catalogue
from rules.base.category import category_name

_ISOLATE, _END = "\u2068", "\u2069"  # Unicode's marks around words of another direction, UAX 9 §2.4


def sentences(decision: Decision) -> dict[str, str]:
    """By the codes of LANGUAGES."""
    return {language: _sentence(decision, language) for language in LANGUAGES}


def _sentence(decision: Decision, language: str) -> str:
    texts = catalogue(language).texts
    category = category_name(decision.category)
    values = {"category": texts.get(f"category.{category}", category), "rule": decision.rule or ""}
    text = texts[f"decision.{_topic(decision)}"]
    return text.format(**{key: f"{_ISOLATE}{value}{_END}" for key, value in values.items()})


def _topic(decision: Decision) -> str:
    if decision.tier is Tier.LOCK:
        return word(decision.reason)
    if decision.action is Action.PASSTHRU and decision.tier is Tier.SECURITY:
        return "excepted"
    return word(decision.tier)
