"""The public's page of a quarter, in one language: made of signed texts alone.

Invariants: values are escaped; nothing is loaded; no script; equal texts give equal pages.
"""

import functools
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mgmt.ledger.signed_statement import digest_of
from mgmt.registers.records.statistics.forms import blocked, charts_of
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.transparency.releases import Release
from mgmt.text.accept import LANGUAGES
from mgmt.text.language import Language, language
from mgmt.web.kit.environment import environment

SHOWN = ("category", "channel")  # of what was blocked

_templates = environment(Path(__file__).with_name("templates"))


def page_of(release: Release | None, quarters: Sequence[str], code: str, settings: Settings) -> str:
    """HTML.   release  None: nothing was made public yet;   quarters  that it leads to;   code  of LANGUAGES"""
    t = language(code)
    return _templates.get_template("transparency.html").render(
        t=t,
        others=[language(each) for each in LANGUAGES if each != code],
        isp=t.pick(settings.isp_name, settings.isp_name_ur),
        settings=settings,
        quarters=quarters,
        **({"said": None} if release is None else _shown(release, t)),
    )


# ----------------------------------------------------------------------------------------------------------------------


def _shown(release: Release, t: Language) -> dict[str, Any]:
    said, statistics = json.loads(release.text), [json.loads(text) for text in release.statistics]
    blocks, csam = ([row for each in statistics for row in each[name] or ()] for name in ("blocks", "csam"))
    charts = charts_of({"blocks": blocks}, functools.partial(_words, t))
    return {
        "said": said,
        "orders": [row | {"median": _median(t, row["median_ms"])} for row in said["orders"]],
        "charts": [chart for chart in charts if chart.dimension in SHOWN],
        "n_blocks": _total(blocked(blocks)),
        "n_seen": _total(blocks) - _total(blocked(blocks)),
        "n_csam": _total(csam),
        "is_whole": all(each["is_whole"] for each in statistics),
        "appeals": _appeals(said, statistics),
        "answered": _median(t, said["answered_ms"]),
        "digest": digest_of(release.text),
        "signature": " ".join(release.note.split()),
    }


def _appeals(said: dict[str, Any], statistics: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By outcome, months together: sums of whole rows."""
    rows = [row for each in (said, *statistics) for row in each["appeals"] or ()]
    outcomes = sorted({row["outcome"] for row in rows}, key=lambda outcome: (outcome is None, outcome or ""))
    return [{"outcome": each, "count": _total([row for row in rows if row["outcome"] == each])} for each in outcomes]


def _total(rows: Sequence[dict[str, Any]]) -> int:
    return sum(row["count"] for row in rows)


def _median(t: Language, length_ms: int | None) -> Markup | None:
    return None if length_ms is None else t.span(timedelta(milliseconds=length_ms))


def _words(t: Language, dimension: str, value: str | None) -> str:
    for name in ("statistics.sums",) if value is None else (f"statistics.is.{value}", f"{dimension}.{value}"):
        if t.has(name):
            return t.say(name)
    return value or ""
