"""Control's look at what keeps the readers of lists from everything else, and at what the system lacks of that."""

from filterd.box.places import reader_socket
from filterd.config import Config
from filterd.images.lists.reader_client import measures_missing
from filterd.images.lists.sealed_client import sealed_reader_of


def has_sealed(config: Config) -> bool:
    """Whether there are lists for the reader that has the key of sealed ones."""
    return any(entry.sealed for entry in config.lists)


def look(config: Config) -> None:
    """Blocking.   Raises OSError: lists are read with less"""
    _refuse(measures_missing(reader_socket(config.run_dir)))


def look_at_sealed(config: Config) -> None:
    """The same of sealed lists."""
    _refuse(sealed_reader_of(config).measures_missing())


def _refuse(missing: list[str]) -> None:
    if missing:
        raise OSError(f"lists are read without {', '.join(missing)}")
