"""The account that a child of root takes by itself, as soon as it has loaded its code.

    root: environment_of(account) → child, as root: imports → take_account() → what strangers wrote

That account may not be able to read the code, as in a checkout in root's home.
Source: credentials(7).
"""

import os
import pwd
from typing import Final

NAME: Final = "FILTERD_ACCOUNT"  # in the environment: numbers of the account and of its group


def environment_of(account: int | None) -> dict[str, str]:
    """What a child gets.   account  its number; None: it stays who it is.   Raises KeyError for an unknown number"""
    return {} if account is None else {NAME: f"{account}:{pwd.getpwuid(account).pw_gid}"}


def take_account() -> None:
    """Become the account that the environment names, for good; without a name, stay.   Raises OSError"""
    if NAME not in os.environ:
        return
    user, group = map(int, os.environ[NAME].split(":"))
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
