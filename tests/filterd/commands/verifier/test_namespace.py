"""What probe and sink give up."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, socket, subprocess
from filterd.commands.verifier.namespace import enter, give_up
enter("")
give_up()
socket.socket(socket.AF_INET, socket.SOCK_STREAM).bind(("127.0.0.1", 0))
found = []
for what in (lambda: open("/etc/passwd"), lambda: open("/tmp/a-file-of-a-sink", "w"), os.fork):
    try:
        what()
    except OSError as reason:
        found.append(type(reason).__name__)
print(os.getuid(), *found)
"""


@pytest.mark.services
def test_it_keeps_the_network_and_neither_files_nor_programs_nor_rights() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["65534", *["PermissionError"] * 3], done.stderr
