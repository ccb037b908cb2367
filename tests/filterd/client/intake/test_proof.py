"""A file or a mail counts where its issuer has signed it, now, and as it came."""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.mgmt.mail_signer import PgpIssuer, SmimeIssuer, enclosed, letter

from filterd.client.intake.proof import MAX_HEAD, OLDEST, PGP, SMIME, Keys, part_signed, reading_mail
from filterd.images.lists.signatures import SignatureMismatch

pytestmark = pytest.mark.services
TABLE = b"URL,Ref\na.example,PTA/1\n"


@pytest.fixture
def pgp(tmp_path: Path) -> Iterator[PgpIssuer]:
    issuer = PgpIssuer(tmp_path)
    yield issuer
    issuer.stop()


@pytest.fixture
def smime(tmp_path: Path) -> SmimeIssuer:
    return SmimeIssuer(tmp_path)


@pytest.fixture
def keys(pgp: PgpIssuer, smime: SmimeIssuer) -> Keys:
    return Keys(pgp.keyring, smime.certificate)


def now() -> datetime:
    return datetime.now(UTC)


def test_a_file_counts_by_either_signature_and_not_once_an_octet_differs(
    keys: Keys, pgp: PgpIssuer, smime: SmimeIssuer
) -> None:
    for kind, signature in ((PGP, pgp.sign(TABLE)), (SMIME, smime.sign(TABLE))):
        keys.check(TABLE, signature, kind, now())
        with pytest.raises(SignatureMismatch, match="forged, altered, or of another key"):
            keys.check(TABLE + b" ", signature, kind, now())
        with pytest.raises(SignatureMismatch, match="forged, altered, or of another key"):
            keys.check(TABLE, b"", kind, now())


def test_a_key_that_came_along_counts_for_nothing(keys: Keys, tmp_path: Path) -> None:
    stranger, forger = PgpIssuer(tmp_path, "stranger"), SmimeIssuer(tmp_path, "forger")
    for kind, signature in ((PGP, stranger.sign(TABLE)), (SMIME, forger.sign(TABLE))):
        with pytest.raises(SignatureMismatch, match="forged, altered, or of another key"):
            keys.check(TABLE, signature, kind, now())
    stranger.stop()


def test_what_was_signed_long_ago_or_tomorrow_is_told_so(keys: Keys, pgp: PgpIssuer, smime: SmimeIssuer) -> None:
    for kind, signature in ((PGP, pgp.sign(TABLE)), (SMIME, smime.sign(TABLE))):
        with pytest.raises(SignatureMismatch, match="more than 3 days ago: stale"):
            keys.check(TABLE, signature, kind, now() + OLDEST + timedelta(hours=1))
        with pytest.raises(SignatureMismatch, match="and here it is"):
            keys.check(TABLE, signature, kind, now() - timedelta(hours=1))


def test_a_kind_without_a_key_is_not_taken(pgp: PgpIssuer, smime: SmimeIssuer) -> None:
    with pytest.raises(SignatureMismatch, match="no key is configured"):
        Keys(pgp=pgp.keyring).check(TABLE, smime.sign(TABLE), SMIME, now())


def test_a_mail_gives_the_part_that_was_signed_and_nothing_beside_it(
    keys: Keys, pgp: PgpIssuer, smime: SmimeIssuer
) -> None:
    for mail in (pgp.mail(TABLE), smime.mail(TABLE), pgp.mail(TABLE).replace(b"\r\n", b"\n")):
        found = part_signed(mail, keys, now()).mail
        assert [part.get_filename() for part in found.walk()] == [None, None, "letter.csv"]
        assert list(found.walk())[2].get_payload(decode=True) == TABLE


def test_a_mail_that_is_not_as_it_was_signed_gives_nothing(keys: Keys, pgp: PgpIssuer, smime: SmimeIssuer) -> None:
    mail = pgp.mail(TABLE)
    for bad, said in (
        (letter(TABLE, "letter.csv"), "not signed"),
        (b"", "not signed"),
        (mail.replace(b"please block", b"please unbl"), "forged, altered"),
        (smime.mail(TABLE).replace(b"Dear", b"DEAR"), "forged, altered"),
        (mail.replace(b"application/pgp-signature", b"application/x-other"), "not signed"),
        (mail[: mail.index(b"-----BEGIN")], "forged, altered"),
        (mail.replace(b'boundary="=-b/1"', b'boundary="other"'), "without its signature"),
        (mail.replace(b'protocol="application/pgp-signature"', b'protocol="application/pkcs7-signature"'), "forged"),
    ):
        with pytest.raises(SignatureMismatch, match=said):
            part_signed(bad, keys, now())


# ------------------------------------------------------------------------------------------------- mails of anybody


class Believing(Keys):
    """Takes every signature, so that what lies behind it is read."""

    def check(self, octets: bytes, signature: bytes, kind: str, now: datetime) -> None:
        """Let all pass."""


HEAD = b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b\r\n\r\n'
PART = b"--b\r\nContent-Type: text/plain\r\n\r\nDear All\r\n"
MAIL = enclosed(letter(TABLE, "letter.csv"), b"a signature\r\n", "application/pgp-signature", armored=True)
DEEP = b"".join(b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (n, n) for n in range(2000))
ODD = [
    b"multipart/signed", b"multipart/mixed; boundary=b", b"message/rfc822", b"text/plain; charset=nope", b"\xff\x00",
    b"protocol*0*=utf-16''%ff", b'boundary="b\xff"', b"boundary*=nope''b", b"=?utf-16?b?2AA=?=", b"(" * 3000,
    b"Content-Transfer-Encoding: uuencode\r\n", b"filename*=nope''%ff", b"filename*1=a", b"\r\n\r\n", b"--b\r\n", b"\0",
]  # fmt: skip


def sealed_as(kind: bytes, octets: bytes = b"x\r\n") -> bytes:
    """A mail whose signature is of this kind."""
    return HEAD + PART + b"--b\r\nContent-Type: " + kind + b"\r\n\r\n" + octets + b"--b--\r\n"


@pytest.mark.parametrize("kind", [b"multipart/mixed", b'multipart/mixed; boundary="c"', b"message/rfc822"])
def test_a_mail_whose_signature_is_no_text_is_not_signed(kind: bytes) -> None:
    with pytest.raises(SignatureMismatch, match="signed, and its signature is no text"):
        part_signed(sealed_as(kind, b"--c\r\n\r\nx\r\n--c--\r\n"), Believing(), now())


def test_a_signature_in_letters_that_nobody_knows_is_checked_like_any_other(keys: Keys) -> None:
    with pytest.raises(SignatureMismatch, match="forged, altered, or of another key"):
        part_signed(sealed_as(b"text/plain; charset=nope"), keys, now())


def test_headers_that_cannot_be_read_are_no_signature() -> None:
    for mail in (b"Content-Type: " + b"(" * 3000, sealed_as(b"(" * 3000)):
        with pytest.raises(SignatureMismatch, match=r"cannot be read \(RecursionError\)"):
            part_signed(mail, Keys(), now())


def test_headers_that_would_take_minutes_are_not_read() -> None:
    with pytest.raises(SignatureMismatch, match="longer than 64 KiB: not read"):
        part_signed(b"Content-Type: multipart/signed" + b"; a=a" * MAX_HEAD + b"\r\n\r\n", Keys(), now())


def read(mail: bytes) -> None:
    """Read all of a mail that a collector reads, where its signature holds."""
    with suppress(SignatureMismatch):
        part_signed(mail, Keys(), now())
    with suppress(SignatureMismatch):
        found = part_signed(mail, Believing(), now()).mail
        with reading_mail():
            [(part.get_filename(), part.get_payload(decode=True)) for part in found.walk()]


@given(st.one_of(st.binary(), st.lists(st.one_of(st.sampled_from([*ODD, HEAD, PART]), st.binary())).map(b"".join)))
@example(HEAD + DEEP + b"--b\r\n\r\nx\r\n--b--\r\n")
@example(sealed_as(b"multipart/mixed"))
@example(sealed_as(b"text/plain; charset=nope"))
@settings(deadline=None)
def test_of_any_octets_nothing_but_a_refusal_comes(mail: bytes) -> None:
    read(mail)
    read(HEAD + mail)
    read(sealed_as(mail, mail))


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(ODD), min_size=1, max_size=4))
@settings(deadline=None)
def test_of_a_mail_that_was_altered_anywhere_nothing_but_a_refusal_comes(
    chance: random.Random, odd: list[bytes]
) -> None:
    mail = MAIL
    for each in odd:
        first = chance.randrange(len(mail))
        mail = mail[:first] + each + mail[first + chance.choice((0, 0, 1, len(each))) :]
    read(mail)
