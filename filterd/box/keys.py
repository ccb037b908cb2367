"""The secret keys of a box: random octets in files of their own, created by the first process that needs them.

Invariants: two processes or threads that make a key at the same moment end with the same one; what key_at() returns
survives a power cut; a key file is readable by its owner alone, that of the images by the workers' group, too.
"""

import os
import secrets
import tempfile
from pathlib import Path

from fastpath.images import image_key
from filterd.box.places import DESK, IMAGE_KEY, KEYS, PEOPLE_KEY, keys_folder
from parental.people.phones import KEY_OCTETS
from rules.base.atomic_file import sync

CREDENTIAL = "filterd.image.key"
PSEUDONYM_KEY = "pseudonym.key"
COOKIE_KEY_OCTETS = 16  # of DNS cookies


def key_at(path: Path, n_octets: int, mode: int = 0o600) -> bytes:
    """The key in the file at `path`, created if missing.   Raises ValueError for a file of another length."""
    if not path.exists():
        descriptor, name = tempfile.mkstemp(".part", f"{path.name}.", path.parent)  # its own, of threads, too
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(n_octets))
                os.fchmod(descriptor, mode)
                file.flush()
                os.fsync(descriptor)  # before it has its name: a key of no octets stops the box for good
            os.link(part, path)  # fails where another was faster, and then that one's key counts
        except FileExistsError:
            pass
        finally:
            part.unlink()
        sync([path.parent])
    return read_key(path, n_octets)


def read_key(path: Path, n_octets: int) -> bytes:
    """The key in the file at `path`.   Raises ValueError for a file of another length, OSError where none exists."""
    key = path.read_bytes()
    if len(key) != n_octets:
        raise ValueError(
            f"{path}: {len(key)} octets, a key of {n_octets} was expected; not used; restore the right key"
        )
    return key


def make_image_key(state_dir: Path) -> None:
    """Hold the key of this box's images in this process, made where none exists yet.   Raises ValueError, OSError."""
    folder = state_dir / IMAGE_KEY
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    if _credential() is None:
        key_at(folder / "key", image_key.BOX_OCTETS, 0o640)
    hold_image_key(state_dir)


def hold_image_key(state_dir: Path) -> None:
    """Hold the key of this box's images in this process; without one, sealed images are refused.

    It is systemd's credential where there is one, which can be sealed to this machine (systemd-creds(1)), and else a
    file of the state directory.   Raises ValueError for a key of another length, OSError where it cannot be read."""
    path = _credential() or state_dir / IMAGE_KEY / "key"
    if path.exists():
        image_key.hold(path.read_bytes())


def credential_folders() -> list[Path]:
    """What a confined process must be able to read to hold the key of the images."""
    path = _credential()
    return [] if path is None else [path.parent]


def _credential() -> Path | None:
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / CREDENTIAL
    return path if path.exists() else None


def has_pseudonym_key(state_dir: Path) -> bool:
    """Whether control has run on this box: it makes the key once it has its database."""
    return (state_dir / KEYS / PSEUDONYM_KEY).exists()


def desk_key(state_dir: Path) -> bytes:
    """The key that seals what the desk's people share with filterd: the secrets of their one-time codes.

    Boxes with one database need one key."""
    folder = state_dir / DESK
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return key_at(folder / "key", 32)


def pseudonym_key(state_dir: Path) -> bytes:
    """The node's half of the key that makes the pseudonyms of the records."""
    return key_at(keys_folder(state_dir) / PSEUDONYM_KEY, 32)


def people_key(state_dir: Path) -> bytes:
    """The key of telephone numbers; gateways that share a database need the same one.   Raises ValueError, OSError"""
    folder = state_dir / PEOPLE_KEY
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return key_at(folder / "key", KEY_OCTETS)
