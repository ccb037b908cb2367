"""A record as a message of syslog, and its frame on a TLS connection.

    OCTETS SP <110>1 2026-11-28T09:30:00Z gw1 filterd - block - {…}

Invariants: a frame says its own length, so a body may hold any octet; a message is never longer than MOST_OCTETS.
Source: RFC 5424 §6; RFC 5425 §4.3 (octet counting, and 8192 octets that a receiver should take).
"""

FACILITY, SEVERITY = 13, 6  # log audit, informational
PRIORITY = 8 * FACILITY + SEVERITY
MOST_OCTETS = 8192
NONE = "-"


def message(time: str, host: str, kind: str, body: bytes) -> bytes:
    """time  RFC 3339, in UTC;   host  of this box;   kind  block or ledger;   body  UTF-8"""
    return f"<{PRIORITY}>1 {time} {_name(host)} filterd {NONE} {kind} {NONE} ".encode() + body


def framed(message: bytes) -> bytes:
    """A message with its length before it."""
    return b"%d %b" % (len(message), message)


def _name(host: str) -> str:
    """RFC 5424 §6.2.4: printable ASCII without blanks, 255 octets at most."""
    return "".join(char for char in host if "!" <= char <= "~")[:255] or NONE
