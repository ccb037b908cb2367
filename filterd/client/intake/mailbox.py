"""A mailbox to which an issuer's letters come (IMAP over TLS).

    INBOX → signature holds, tables taken → Taken
          → else                          → Refused, and a note next to it that says why

Invariants: a mail is moved once it was taken or its refusal is written; a mail that is larger than MAX_OCTETS is not
fetched; nothing is sent to the one that a mail says that it is from.
Source: RFC 9051, RFC 6851 (MOVE).
"""

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from filterd.client.intake.desk import MAX_OCTETS, Desk, IntakeRefusal, Table, told
from filterd.client.intake.proof import part_signed, reading_mail
from filterd.images.lists.signatures import SignatureMismatch

TAKEN: Final = "Taken"
REFUSED: Final = "Refused"
TABLES: Final = (".xlsx", ".csv", ".tsv", ".txt")
TIMEOUT_S: Final = 60.0
MAX_MAILS: Final = 100  # of one run
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


@dataclass(frozen=True, slots=True)
class Account:
    """Of a mailbox.   ca  certificates to trust; None: those that the system trusts"""

    host: str
    port: int
    user: str
    password: str
    ca: Path | None = None


def collect_mails(account: Account, desk: Desk) -> tuple[int, int]:
    """Take what lies in a mailbox: how many mails were taken, and refused.   Raises MissingPart, OSError: not now."""
    counts = [0, 0]
    with _opened(account) as box:
        for uid in _asked(box, "SEARCH", None, "ALL")[0].split()[:MAX_MAILS]:
            counts[_take_one(box, uid.decode(), desk)] += 1
    return counts[0], counts[1]


def _take_one(box: imaplib.IMAP4, uid: str, desk: Desk) -> int:
    """0: taken;   1: refused."""
    mail = b""
    try:
        mail = _fetched(box, uid)
        found = part_signed(mail, desk.keys, desk.clock())
        with reading_mail():
            tables = list(_tables_in(found.mail))
        desk.take(found.octets, tables)
    except (IntakeRefusal, SignatureMismatch) as refusal:
        reason = told(refusal)
        desk.note_refusal(mail, "mail", reason)
        _asked(box, "MOVE", uid, REFUSED)
        _checked(box.append(REFUSED, "", "", _note(reason, mail).as_bytes()))
        return 1
    _asked(box, "MOVE", uid, TAKEN)
    return 0


def _tables_in(mail: EmailMessage) -> Iterator[Table]:
    for part in mail.walk():
        name = part.get_filename() or ""
        if not part.is_multipart() and name.lower().endswith(TABLES):
            yield Table(name, bytes(part.get_payload(decode=True) or b""))


def _note(reason: str, mail: bytes) -> EmailMessage:
    """What is next to a mail that was refused."""
    note = EmailMessage()
    note["Subject"] = "Refused: the order in the mail before this one"
    note["From"] = note["To"] = "filterd@localhost"
    note.set_content(f"Not taken, and nothing of it is in force: {reason}\n\nThe mail has {len(mail)} octets.\n")
    return note


def _fetched(box: imaplib.IMAP4, uid: str) -> bytes:
    said = b" ".join(part for part in _asked(box, "FETCH", uid, "(RFC822.SIZE)") if isinstance(part, bytes))
    size = _SIZE.search(said)
    if size is None or int(size[1]) > MAX_OCTETS:
        raise IntakeRefusal(f"larger than {MAX_OCTETS >> 20} MiB: not read")
    parts = [part for part in _asked(box, "FETCH", uid, "(BODY.PEEK[])") if isinstance(part, tuple)]
    if not parts:
        raise IntakeRefusal("the mailbox gives nothing of it")
    return bytes(parts[0][1])


@contextmanager
def _opened(account: Account) -> Iterator[imaplib.IMAP4]:
    """The mailbox, with the folders for what is done.   Raises OSError."""
    tls = ssl.create_default_context(cafile=account.ca)
    try:
        with imaplib.IMAP4_SSL(account.host, account.port, ssl_context=tls, timeout=TIMEOUT_S) as box:
            box.login(account.user, account.password)
            for name in (TAKEN, REFUSED):
                box.create(name)  # NO: it is there
            _checked(box.select("INBOX"))
            yield box
    except imaplib.IMAP4.error as reason:
        raise OSError(f"mailbox {account.user} at {account.host}: {reason}; nothing taken; look at it") from reason


def _asked(box: imaplib.IMAP4, verb: str, *said: Any) -> list[Any]:
    return _checked(box.uid(verb, *said))


def _checked(answer: tuple[str, list[Any]]) -> list[Any]:
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(f"{answer[1]!r:.200}")
    return answer[1]
