"""The account that a child of root takes by itself."""

import os
import pwd
import subprocess
import sys

import pytest

from filterd.process.own_account import NAME, environment_of, take_account

PROGRAM = """
import os
from filterd.process.own_account import take_account
take_account()
print(os.getresuid(), os.getresgid(), os.getgroups())
try:
    os.setuid(0)
except PermissionError:
    print("for good")
"""


@pytest.mark.services
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives another account")
def test_a_child_becomes_the_account_that_it_was_told_for_good() -> None:
    nobody = pwd.getpwnam("nobody")
    environment = os.environ | environment_of(nobody.pw_uid)
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert said == [f"{(nobody.pw_uid,) * 3} {(nobody.pw_gid,) * 3} []", "for good"]


def test_who_was_told_nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    before = os.getresuid(), os.getresgid(), os.getgroups()

    take_account()

    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
    assert environment_of(None) == {}


def test_an_account_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError):
        environment_of(2**32 - 7)
