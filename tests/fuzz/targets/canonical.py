"""Any text has one canonical name or is refused for one of the known reasons; other spellings of it have the same."""

from fastpath.wire.name import to_text, to_wire
from rules.base import canonical
from rules.base.canonical import canonical_name, canonical_octets, canonical_wire
from rules.base.errors import BadName

REASONS = {text for text in vars(canonical).values() if isinstance(text, str)}


def check(data: bytes) -> None:
    try:
        wire = canonical_octets(data)
    except BadName as bad:
        assert bad.reason in REASONS
        _check_refused(data)
        return
    name = to_text(wire)
    assert canonical_name(name) == name and to_wire(name.encode()) == wire
    text = data.decode()
    for spelling in (text, text.upper() if text.isascii() else text, name + ".", name.upper(), name + ":53"):
        assert canonical_wire(spelling) == wire, spelling


def _check_refused(data: bytes) -> None:
    """What a list may not hold, the command line may not either."""
    try:
        canonical_wire(data.decode())
    except (BadName, UnicodeDecodeError):
        return
    raise AssertionError("refused as octets, taken as a text")
