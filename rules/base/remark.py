"""Whether a remark in a regulator's table asks to open what its row names, or not to block it.

Such a row is reported and waits, no matter what else its remark says: "not blocked yet" is held, too.  A row that is
held for nothing is counted, shown with its place, and answered to who sent it, who writes the remark otherwise; a name
that is blocked against its own row stays blocked until someone complains.  What is not to be opened ("not allowed", "do
not restore") asks for a block.
"""

import re

_GAP = r"[\s\u2010-\u2013-]*"  # nothing, a blank, or any hyphen
_OPENS = (
    rf"un{_GAP}block|releas|withdr[ae]w|restor|reinstat|re{_GAP}open|allow|white{_GAP}list|lift",
    r"ک[ھہ]ول|بحال|ان[\s\u200c]*بلاک|اجازت\s+د",
)
_SPARES = (
    r"(?:not|never|no\s+longer|cannot|(?:do|need|must|should)n['\u2019]?t)(?:\s+\w+){0,3}\s+block",
    r"no\s+(?:need\s+(?:to|of)\s+)?block",
    r"(?:بلاک|بند)\s+(?:نہ|مت)|(?:بلاک|بندش|پابندی)\s+(?:ختم|اٹھا|ہٹا)",
)
_STAYS = rf"\b(?:not|never|no\s+longer|cannot|don['\u2019]?t|mustn['\u2019]?t)\s+(?:to\s+|be\s+)*(?:{_OPENS[0]})"
_ASKS = re.compile(rf"\b(?:{'|'.join(_OPENS + _SPARES)})")
_KEEPS_BLOCKED = re.compile(_STAYS)


def asks_to_unblock(text: str) -> bool:
    """Whether a remark, in lower case and with the letters of Urdu, says so anywhere."""
    return _ASKS.search(_KEEPS_BLOCKED.sub(" ", text)) is not None
