"""A confirmation as a page in English and Urdu, from which its PDF is made.

Invariants: what an issuer has written is escaped; nothing is loaded; equal statements give equal pages.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mgmt.ledger.signed_statement import digest_of
from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import catalogue
from mgmt.web.kit.environment import environment

MOST_ENTRIES = 2000  # of a page: a PDF of more takes minutes, and CSV and workbook have all

_templates = environment(Path(__file__).with_name("templates"))


def page_of(statement: str, note: str) -> str:
    """HTML."""
    said = json.loads(statement)
    entries = said["entries"]
    return _templates.get_template("confirmation.html").render(
        said=said,
        languages=[(language, catalogue(language).texts) for language in LANGUAGES],
        answer=said.get("answer"),
        made=said.get("made") or said["times"]["confirmed"],
        facts=list(_facts(said)),
        entries=entries[:MOST_ENTRIES],
        n_left=max(0, len(entries) - MOST_ENTRIES),
        digest=digest_of(statement),
        signature=" ".join(note.split()),
    )


def _facts(said: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Message and value."""
    order, times, coverage = said["order"], said["times"], said["coverage"]
    yield "issuer", order["issuer"]
    yield "reference", order["ref"]
    if order.get("corrects"):  # a statement of before there were versions has none
        yield "corrects", f"{order['corrects']} ({order['corrects_sha256']})"
    if order.get("replaced_by"):
        yield "replaced", f"{order['replaced_by']} ({order['replaced_by_sha256']})"
    yield "ground", order["ground"]
    yield "received", times["received"]
    if said["deadline"]:
        yield "deadline", said["deadline"]["at"]
    yield "enforced", times["last_enforced"] or ""
    if times.get("expires"):
        yield "expires", times["expires"]
    if times.get("withdrawn"):
        yield "withdrawn", times["withdrawn"]
    yield "asked", times["verified"] or ""
    yield "confirmed", times["confirmed"] or ""
    if "made" in said:  # a statement of an earlier release has none
        yield "made", said["made"]
    if said.get("supersedes"):
        yield "supersedes", f"{said['supersedes']['made']} ({said['supersedes']['sha256']})"
    yield "coverage", f"{coverage['asked']} / {coverage['in_force']} / {coverage['entries']}"
    yield "channels", " ".join(coverage["ways"])
    yield "original", order["original_sha256"]
