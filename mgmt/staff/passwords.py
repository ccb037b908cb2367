"""Passwords, by Argon2id, and one-time codes, by TOTP.

Invariants: no code counts twice; a password is hashed the same way whether someone has the name or not.
Source: RFC 9106 §4 (the second recommended set), RFC 6238, RFC 4226 §5.3.
"""

import base64
import functools
from datetime import datetime

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mgmt.staff.people import Unfit

MIN_CHARACTERS = 12  # NIST SP 800-63B-4 asks for 15 alone and 8 with a second factor, which is required here
MAX_CHARACTERS = 128  # of a phrase; longer ones only cost time
TOTP_OCTETS = 20  # RFC 4226 §4: as long as SHA-1's result
STEP_S = 30
STEPS_ASIDE = 1  # a phone's clock, and the time of typing
DIGITS = 6

HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4, hash_len=32, salt_len=16)


def hash_password(password: str) -> str:
    """Cost: 64 MiB, some 100 ms of CPU.   Raises Unfit."""
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise Unfit(f"password: {len(password)} characters; not set; choose {MIN_CHARACTERS} to {MAX_CHARACTERS}")
    return HASHER.hash(password)


def is_right(password: str, hashed: str | None) -> bool:
    """Whether a password is the one that was hashed; of None never, and never faster.   Cost: as hash_password()"""
    try:
        HASHER.verify(hashed or _nobodys(), password[: MAX_CHARACTERS + 1])
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


@functools.cache
def _nobodys() -> str:
    return HASHER.hash("a password that is not known")


def totp_address(secret: bytes, mail: str, issuer: str) -> str:
    """What an authenticator application reads (otpauth://…)."""
    return _totp(secret).provisioning_uri(name=mail, issuer_name=issuer)


def totp_text(secret: bytes) -> str:
    """The secret as a person types it."""
    return base64.b32encode(secret).decode()


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """The step of time whose code it is, the latest of those that count now; None: of none."""
    typed, totp = "".join(code.split())[: DIGITS + 1], _totp(secret)
    if not (typed.isascii() and typed.isdigit()):
        return None
    middle = int(now.timestamp()) // STEP_S
    found = None
    for step in range(middle - STEPS_ASIDE, middle + STEPS_ASIDE + 1):
        if pyotp.utils.strings_equal(totp.generate_otp(step), typed):
            found = step
    return found


def _totp(secret: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(totp_text(secret), digits=DIGITS, interval=STEP_S)
