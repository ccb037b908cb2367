"""Statistics as a page in English and Urdu, from which their PDF is made, and their charts as a picture.

Invariants: values are escaped; nothing is loaded; equal statements give equal pages.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mgmt.ledger.signed_statement import digest_of
from mgmt.registers.records.statistics import forms
from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import catalogue
from mgmt.web.kit.environment import environment

_templates = environment(Path(__file__).with_name("templates"))


def page_of(text: str, note: str) -> str:
    """HTML."""
    said = json.loads(text)
    languages = [(language, catalogue(language).texts) for language in LANGUAGES]
    return _templates.get_template("statistics.html").render(
        said=said,
        parts=[
            (language, texts, forms.charts_of(said, functools.partial(_words, texts))) for language, texts in languages
        ],
        total=(total := sum(row["count"] for row in forms.blocked(said["blocks"]))),
        seen=sum(row["count"] for row in said["blocks"]) - total,
        tables=[name for name in forms.TABLES if name not in ("blocks", "orders") and said[name]],
        digest=digest_of(text),
        signature=" ".join(note.split()),
        bar=forms.BAR,
        line=forms.LINE,
    )


def charts_in_english(text: str) -> tuple[dict[str, Any], list[forms.Chart]]:
    """What a statement says, and its charts."""
    said = json.loads(text)
    return said, forms.charts_of(said, functools.partial(_words, catalogue("en").texts))


def svg_of(text: str) -> bytes:
    """All charts in one picture, in English."""
    said, charts = charts_in_english(text)
    template = _templates.get_template("charts.svg")
    return template.render(said=said, charts=charts, digest=digest_of(text), bar=forms.BAR, line=forms.LINE).encode()


def _words(texts: Mapping[str, str], dimension: str, value: str | None) -> str:
    """What a value is called: in words where there are any, else as the records have it."""
    if value is None:
        return texts["statistics.sums"]
    return texts.get(f"statistics.is.{value}") or texts.get(f"{dimension}.{value}") or value
