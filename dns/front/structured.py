"""What EXTRA-TEXT says of a block to a client that asked for structured errors: I-JSON, made once for each reason.

    {"c": ["mailto:help@isp.example"], "j": "Filtered as the subscriber asked.", "o": "Example ISP", "l": "en"}

Invariants: CSAM and orders say the same, octet for octet, and nothing that shows which list; a text has at most
MAX_OCTETS, loses the organisation and then the justification to fit, and is empty where nothing is left to say.
Absent on purpose: rule, list, order and name (the client knows what it asked, and the rest is the splash page's);
sub-errors of Censored and Filtered, which say what no list of ours does.
Source: draft-ietf-dnsop-structured-dns-error-27 (June 2026), in which a client asks with the empty EDNS option SDE,
gets no Forged Answer, `l` goes with `j` and `o`, and `c` knows tel and mailto; earlier revisions differ in all of that.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastpath.images.verdict import Reason

MAX_OCTETS: Final = 512  # an answer with it still fits the 1,232 octets of EDNS
LANGUAGE: Final = "en"
NETWORK_OPERATOR_POLICY: Final = 5  # sub-error of Blocked

_RESTRICTED: Final = "Access is restricted by law."
_PAUSED: Final = "Paused by the subscriber."
_ASKED_FOR: Final = "Filtered as the subscriber asked."
_JUSTIFICATIONS: Final[Mapping[Reason, str]] = {
    Reason.CSAM: _RESTRICTED,
    Reason.ORDER: _RESTRICTED,
    Reason.PAUSE: _PAUSED,
    Reason.SCHEDULE: _PAUSED,
    Reason.QUOTA: _PAUSED,
    Reason.SOFT_LOCK: _PAUSED,
    Reason.CATEGORY: _ASKED_FOR,
    Reason.HOUSEHOLD: _ASKED_FOR,
    Reason.SECURITY: "On the operator's list of harmful names.",
}
_MAIL: Final = re.compile(r"[^@\s:/]+@[^@\s:/]+")
_TELEPHONE: Final = re.compile(r"\+[0-9][0-9 ()-]{2,}")  # RFC 3966: a local number would need its context


@dataclass(frozen=True, slots=True)
class StructuredErrors:
    """Who blocks, for anyone who wants to ask.

    organization   a name, no sentence: clients show no other
    contact        a mail address or a telephone number that begins with "+"; anything else is left out"""

    organization: str
    contact: str | None = None

    def text(self, reason: Reason) -> bytes:
        """EXTRA-TEXT for a block of this reason; empty: none."""
        justification = _JUSTIFICATIONS.get(reason)
        if justification is None:
            return b""
        said: dict[str, object] = {}
        if uri := contact_uri(self.contact or ""):
            said["c"] = [uri]
        if reason is Reason.SECURITY:
            said["s"] = NETWORK_OPERATOR_POLICY
        justified = said | {"j": justification, "l": LANGUAGE}
        for candidate in (justified | {"o": self.organization}, justified, said):
            octets = _minified(candidate)
            if candidate and len(octets) <= MAX_OCTETS:
                return octets
        return b""


def contact_uri(contact: str) -> str | None:
    """The URI of a mail address or an international telephone number; None for what is neither."""
    contact = contact.strip()
    if _MAIL.fullmatch(contact):
        return f"mailto:{contact}"
    if _TELEPHONE.fullmatch(contact):
        return "tel:" + re.sub(r"[ ()]", "", contact)
    return None


def _minified(said: Mapping[str, object]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
