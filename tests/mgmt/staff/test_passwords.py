from datetime import UTC, datetime, timedelta

import pytest

from mgmt.staff.passwords import (
    MAX_CHARACTERS,
    MIN_CHARACTERS,
    hash_password,
    is_right,
    step_of,
    totp_address,
    totp_text,
)
from mgmt.staff.people import Unfit

SECRET = b"12345678901234567890"  # RFC 6238, appendix B
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_hashes() -> None:
    """None of them: these tests are about the real ones."""


def test_a_password_is_known_again_and_another_one_is_not() -> None:
    hashed = hash_password(PASSWORD)

    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert is_right(PASSWORD, hashed)
    assert not is_right(PASSWORD + " ", hashed) and not is_right("", hashed)
    assert hash_password(PASSWORD) != hashed


def test_of_nobody_no_password_is_right_and_a_hash_is_computed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = []

    class Hasher:
        def verify(self, hashed: str, password: str) -> bool:
            verified.append(password)
            return True

    assert not is_right("a password that is not known", None)
    monkeypatch.setattr("mgmt.staff.passwords.HASHER", Hasher())

    assert not is_right(PASSWORD, None) and verified == [PASSWORD]


def test_what_is_no_hash_is_wrong() -> None:
    assert not is_right(PASSWORD, "x")


@pytest.mark.parametrize("password", ["x" * (MIN_CHARACTERS - 1), "x" * (MAX_CHARACTERS + 1)])
def test_a_password_that_is_too_short_or_too_long_is_not_set(password: str) -> None:
    with pytest.raises(Unfit, match="not set; choose 12 to 128"):
        hash_password(password)


def test_the_longest_password_counts_whole() -> None:
    hashed = hash_password("x" * MAX_CHARACTERS)

    assert is_right("x" * MAX_CHARACTERS, hashed) and not is_right("x" * (MAX_CHARACTERS + 1), hashed)


@pytest.mark.parametrize(
    ("time_s", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(time_s: int, code: str) -> None:
    assert step_of(SECRET, code, datetime.fromtimestamp(time_s, UTC)) == time_s // 30


def test_a_code_counts_one_step_early_and_one_step_late() -> None:
    at = datetime.fromtimestamp(1111111109, UTC)
    step = 1111111109 // 30

    found = [step_of(SECRET, " 081 804 ", at + timedelta(seconds=30 * aside)) for aside in (-2, -1, 0, 1, 2)]

    assert found == [None, step, step, step, None]


@pytest.mark.parametrize("typed", ["", "28708", "2870823", "28708x", "٢٨٧٠٨٢", "²87082"])
def test_what_is_no_code_counts_for_nothing(typed: str) -> None:
    assert step_of(SECRET, typed, datetime.fromtimestamp(59, UTC)) is None


def test_an_application_reads_whose_codes_they_are() -> None:
    said = totp_address(SECRET, "amna@isp.example", "Example ISP")

    assert said.startswith("otpauth://totp/Example%20ISP:amna%40isp.example?secret=" + totp_text(SECRET))
