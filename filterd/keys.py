"""The secret keys of a box: random octets in files of their own, created by the first process that needs them.

Invariants: two processes that make a key at the same moment end with the same one; a key file is readable by its owner
alone.
"""

import os
import secrets
from pathlib import Path

from filterd.places import keys_folder


def key_at(path: Path, n_octets: int) -> bytes:
    """The key in the file at `path`, created if missing.   Raises ValueError for a file of another length."""
    if not path.exists():
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.touch(mode=0o600)
        part.write_bytes(secrets.token_bytes(n_octets))
        try:
            os.link(part, path)  # fails where another was faster, and then that one's key counts
        except FileExistsError:
            pass
        finally:
            part.unlink()
    key = path.read_bytes()
    if len(key) != n_octets:
        raise ValueError(
            f"{path}: {len(key)} octets, a key of {n_octets} was expected; not used; restore the right key"
        )
    return key


def image_key(state_dir: Path) -> bytes:
    """The key of the hashes in this box's images."""
    return key_at(keys_folder(state_dir) / "image.key", 16)


def pseudonym_key(state_dir: Path) -> bytes:
    """The node's half of the key that makes the pseudonyms of the records."""
    return key_at(keys_folder(state_dir) / "pseudonym.key", 32)
