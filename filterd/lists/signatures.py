"""Signatures of lists: minisign's, made by the source over the very octets that are taken.

    list.txt  →  list.txt.minisig beside it; of a URL the same in its path
    check     →  the program `minisign`, with the key of the configuration

Invariants: a list with a key is taken with a signature that fits, or not at all; nothing of a signature is kept.
Source: jedisct1.github.io/minisign.
"""

import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

SUFFIX = ".minisig"
MAX_OCTETS = 4096  # two comments and two signatures take some 300
CHECK_S = 60.0


class NotSigned(Exception):
    """A version without a signature that fits; the message says what is wrong."""


def signature_path(path: Path) -> Path:
    """Where the signature of a file is."""
    return path.with_name(path.name + SUFFIX)


def signature_url(url: str) -> str:
    """Where the signature of what a URL gives is."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path + SUFFIX))


def check_signature(octets: Path, signature: Path, key: str) -> None:
    """Let the file `octets` pass if `signature` is one of its octets by `key`.   Raises NotSigned.

    key  the public key, one line of base64 as minisign prints it"""
    command = ["minisign", "-V", "-q", "-m", str(octets), "-x", str(signature), "-P", key]
    try:
        done = subprocess.run(command, capture_output=True, timeout=CHECK_S, check=False)
    except FileNotFoundError as reason:
        raise NotSigned("minisign is not installed; not taken; install the package minisign") from reason
    except subprocess.TimeoutExpired as reason:
        raise NotSigned(f"minisign gave no answer within {CHECK_S:g} s; not taken") from reason
    if done.returncode != 0:
        raise NotSigned("its signature is missing or does not fit the key; not taken; ask who publishes the list")
