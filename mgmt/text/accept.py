"""The languages of pages, and which one a person reads first.

Source: RFC 9110 §12.5.4 (Accept-Language).
"""

import re
from collections.abc import Sequence

LANGUAGES = ("en", "ur")  # that pages are written in
MAX_RANGES = 20  # browsers send two to six


def preferred_language(accept_language: str, otherwise: str, among: Sequence[str] = LANGUAGES) -> str:
    """One of `among` by an Accept-Language header; `otherwise` where it wants none of them."""
    best, best_q = otherwise, 0.0
    for item in accept_language.split(",")[:MAX_RANGES]:
        tag, _, parameters = item.partition(";")
        language = tag.strip().lower().partition("-")[0]
        q = _quality(parameters)
        if language in among and q > best_q:
            best, best_q = language, q
    return best


def _quality(parameters: str) -> float:
    key, _, value = parameters.strip().partition("=")
    if not key:
        return 1.0
    is_number = key.strip() == "q" and re.fullmatch(r"\s*(0(\.[0-9]{0,3})?|1(\.0{0,3})?)\s*", value)
    return float(value) if is_number else 0.0
