import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from filterd.images.lists import list_reader
from filterd.images.lists.list_reader import NO_MEMORY
from rules.lists.source import Source, describe_source

pytestmark = pytest.mark.services


@pytest.mark.parametrize(
    ("fault", "said"),
    [(MemoryError(), NO_MEMORY), (RuntimeError("a line of the list"), "its reader failed (RuntimeError)")],
)
def test_a_reader_that_fails_says_how_and_nothing_of_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, said: str
) -> None:
    def fail(copy: Path, source: Source) -> None:
        raise fault

    monkeypatch.setattr(list_reader, "examine", fail)

    assert list_reader.answer_of(tmp_path, describe_source("pta", None, {})).failed == said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is another account for a moment")
def test_a_reader_reads_for_no_account_but_those_of_its_table(tmp_path: Path) -> None:
    reader = [sys.executable, "-P", "-m", "filterd.images.lists.list_reader"]
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        asking, asked = socket.socketpair()
    finally:
        os.seteuid(0)
    with asking:
        with asked:
            subprocess.run(
                reader, stdin=asked.fileno(), stdout=asked.fileno(), env={"TMPDIR": str(tmp_path)}, check=True
            )

        assert "account nobody may not ask read; nothing done" in asking.recv(1000).decode()
