"""Signed mails become orders; others lie in quarantine, with a note that says why."""

import os
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from support.mgmt.collector import Collector, correction, table
from support.mgmt.mail_signer import PgpIssuer, SmimeIssuer, enclosed, letter
from support.system.dovecot import PASSWORD, PROGRAM, USER, Dovecot, running_dovecot

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(PROGRAM is None or os.geteuid() != 0, reason="dovecot, as Debian has it, is started by root"),
]


HOSTILE = (
    b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b\r\n\r\n'
    b"--b\r\n\r\nDear All\r\n--b\r\nContent-Type: KIND\r\n\r\nx\r\n--b--\r\n"
)
DAMAGED = b"Content-Type: " + b"(" * 3000 + b"\r\n\r\nDear All"


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Dovecot]:
    with running_dovecot() as dovecot:
        yield dovecot


def test_signed_mails_are_taken_and_others_lie_in_quarantine_with_a_note(
    collector: Collector, mailbox: Dovecot, pgp: PgpIssuer, smime: SmimeIssuer, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    account = ("--imap-user", USER, "--imap-password", str(tmp_path / "password"))
    where = ("--imap", f"localhost:{mailbox.port}", *account, "--imap-ca", str(mailbox.certificate))
    stranger = PgpIssuer(tmp_path, "stranger")
    good = pgp.mail(table("M-1", "one.mail.test"))
    mails = {
        good: "",
        HOSTILE.replace(b"KIND", b"multipart/mixed"): "its signature is no text",
        HOSTILE.replace(b"KIND", b"text/plain; charset=nope"): "forged, altered, or of another key",
        HOSTILE.replace(b"KIND", b"(" * 3000): "cannot be read",
        enclosed(DAMAGED, pgp.sign(DAMAGED), "application/pgp-signature", armored=True): "cannot be read",
        smime.mail(table("M-2", "two.mail.test"), "خط.csv"): "",
        pgp.mail(correction("M-7", "M-1", "one.mail.test", "seven.mail.test")): "",
        stranger.mail(table("M-3", "three.mail.test")): "forged, altered, or of another key",
        pgp.mail(table("M-4", "four.mail.test")).replace(b"please", b"PLEASE"): "forged, altered",
        letter(table("M-5", "five.mail.test"), "letter.csv"): "not signed",
        good.replace(b"Subject: Blocking", b"Subject: Blocking again"): "a copy of what was taken",
        pgp.mail(b"nothing", "picture.png"): "with 0 tables",
        pgp.mail(table("M-6", "six.mail.test"), "l.csv", "--faked-system-time", "20260101T000000!"): "stale",
    }
    stranger.stop()
    for mail in mails:
        mailbox.send(mail)

    assert collector.counts(*where) == (3, 10)
    assert mailbox.mails("INBOX") == []
    assert mailbox.mails("Taken") == [mail for mail, why in mails.items() if not why]
    refused = mailbox.mails("Refused")
    assert refused[::2] == [mail for mail, why in mails.items() if why]
    for note, why in zip(refused[1::2], filter(None, mails.values()), strict=True):
        said = message_from_bytes(note, policy=default).get_content()
        assert why in said and "nothing of it is in force" in said
    assert collector.order("M-7")["state"] == collector.order("M-2")["state"] == "enforced"
    assert collector.order("M-1")["replaced_by"] == collector.order("M-7")["id"]
    assert not any(collector.order(f"M-{n}") for n in range(3, 7))
    assert collector.n_noted("mail refused") == 10


def test_a_mailbox_whose_certificate_is_not_trusted_is_not_opened(
    collector: Collector, mailbox: Dovecot, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    account = ("--imap-user", USER, "--imap-password", str(tmp_path / "password"))

    done = collector.run("--imap", f"localhost:{mailbox.port}", *account)
    assert done.returncode == 3 and "certificate verify failed" in done.stderr
