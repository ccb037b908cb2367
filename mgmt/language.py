"""English or Urdu: which one a person reads first, and how numbers stand inside Urdu.

Source: RFC 9110 §12.5.4 (Accept-Language), Unicode UAX 9 (isolates).
"""

import re

from markupsafe import Markup, escape

LANGUAGES = ("en", "ur")
MAX_RANGES = 20  # browsers send two to six

_LEFT_TO_RIGHT = re.compile(r"[0-9A-Za-z][0-9A-Za-z@._:/+?=&;#-]*(?: [0-9A-Za-z][0-9A-Za-z@._:/+?=&;#-]*)*")


def preferred_language(accept_language: str, otherwise: str) -> str:
    """'en' or 'ur' by an Accept-Language header; `otherwise` where it wants neither."""
    best, best_q = otherwise, 0.0
    for item in accept_language.split(",")[:MAX_RANGES]:
        tag, _, parameters = item.partition(";")
        language = tag.strip().lower().partition("-")[0]
        q = _quality(parameters)
        if language in LANGUAGES and q > best_q:
            best, best_q = language, q
    return best


def isolate(text: str) -> Markup:
    """Wrap every run of Latin letters and digits in <bdi dir=ltr>, so that Urdu around it keeps its order."""
    pieces, at = [], 0
    for found in _LEFT_TO_RIGHT.finditer(text):
        pieces += [escape(text[at : found.start()]), Markup("<bdi dir=ltr>{}</bdi>").format(found[0])]
        at = found.end()
    return Markup("").join([*pieces, escape(text[at:])])


def _quality(parameters: str) -> float:
    key, _, value = parameters.strip().partition("=")
    if not key:
        return 1.0
    is_number = key.strip() == "q" and re.fullmatch(r"\s*(0(\.[0-9]{0,3})?|1(\.0{0,3})?)\s*", value)
    return float(value) if is_number else 0.0
