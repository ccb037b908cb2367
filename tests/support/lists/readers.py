"""Readers of lists that are started for each connection, as systemd starts them."""

import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

READER = (sys.executable, "-P", "-m", "filterd.images.lists.list_reader")


def listening(place: Path) -> socket.socket:
    """A door."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    return listener


def serve(
    listener: socket.socket,
    folder: Path,
    program: Sequence[str] = READER,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Start a program for each connection, with a folder of its own."""
    n = 0
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test has ended
            return
        own = folder / f"reader-{n}"
        own.mkdir()
        with connection:
            subprocess.run(
                program,
                stdin=connection.fileno(),
                stdout=connection.fileno(),
                env={"TMPDIR": str(own), **environment},
                check=False,
            )
        n += 1
