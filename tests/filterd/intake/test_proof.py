"""A file or a mail counts where its issuer has signed it, now, and as it came."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.mgmt.mail_signer import PgpIssuer, SmimeIssuer, letter

from filterd.intake.proof import OLDEST, PGP, SMIME, Keys, part_signed
from filterd.lists.signatures import NotSigned

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
        with pytest.raises(NotSigned, match="forged, altered, or of another key"):
            keys.check(TABLE + b" ", signature, kind, now())
        with pytest.raises(NotSigned, match="forged, altered, or of another key"):
            keys.check(TABLE, b"", kind, now())


def test_a_key_that_came_along_counts_for_nothing(keys: Keys, tmp_path: Path) -> None:
    stranger, forger = PgpIssuer(tmp_path, "stranger"), SmimeIssuer(tmp_path, "forger")
    for kind, signature in ((PGP, stranger.sign(TABLE)), (SMIME, forger.sign(TABLE))):
        with pytest.raises(NotSigned, match="forged, altered, or of another key"):
            keys.check(TABLE, signature, kind, now())
    stranger.stop()


def test_what_was_signed_long_ago_or_tomorrow_is_told_so(keys: Keys, pgp: PgpIssuer, smime: SmimeIssuer) -> None:
    for kind, signature in ((PGP, pgp.sign(TABLE)), (SMIME, smime.sign(TABLE))):
        with pytest.raises(NotSigned, match="more than 3 days ago: stale"):
            keys.check(TABLE, signature, kind, now() + OLDEST + timedelta(hours=1))
        with pytest.raises(NotSigned, match="and here it is"):
            keys.check(TABLE, signature, kind, now() - timedelta(hours=1))


def test_a_kind_without_a_key_is_not_taken(pgp: PgpIssuer, smime: SmimeIssuer) -> None:
    with pytest.raises(NotSigned, match="no key is configured"):
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
        with pytest.raises(NotSigned, match=said):
            part_signed(bad, keys, now())
