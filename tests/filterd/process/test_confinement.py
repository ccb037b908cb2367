import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.services

CONFINED = """
import os, socket, sys
from pathlib import Path
from filterd.process.confinement import confine
missing = confine([Path(sys.argv[1])], [Path(sys.argv[2])], memory_octets=2**30)
"""


def confined(tmp_path: Path, code: str) -> str:
    """What a confined process prints."""
    readable, own = tmp_path / "list.txt", tmp_path / "own"
    readable.write_text("listed.test")
    (tmp_path / "key").write_text("secret")
    own.mkdir(exist_ok=True)
    command = [sys.executable, "-P", "-c", CONFINED + code, str(readable), str(own)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_every_measure_is_in_force_on_a_system_that_has_them(tmp_path: Path) -> None:
    assert ast.literal_eval(confined(tmp_path, "print(missing)")) == []


def test_what_is_allowed_is_possible(tmp_path: Path) -> None:
    code = "(Path(sys.argv[2]) / 'x').write_text('1'); import zipfile, csv; print(open(sys.argv[1]).read())"

    assert confined(tmp_path, code) == "listed.test"


@pytest.mark.parametrize(
    "code",
    [
        "open(Path(sys.argv[1]).with_name('key'))",
        "open(sys.argv[1], 'w')",
        "Path(sys.argv[2]).with_name('new').write_text('')",
        "os.listdir('/etc')",
        "open('/proc/1/environ')",
        "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
        "socket.socketpair()",
        "os.execv('/usr/bin/true', ['true'])",
        "os.fork()",
        "os.kill(os.getppid(), 0)",
        "os.chroot(sys.argv[2])",
        "os.setgroups([12345])",
    ],
)
def test_everything_else_is_refused(tmp_path: Path, code: str) -> None:
    said = confined(tmp_path, f"try:\n    {code}\nexcept OSError as reason:\n    print('refused', reason.errno)")

    assert said.startswith("refused")


def test_it_holds_no_capability_and_can_gain_none(tmp_path: Path) -> None:
    code = CONFINED + "print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(tmp_path), str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.kill()

    said = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {int(said[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}
    assert (said["NoNewPrivs"], said["Seccomp"]) == ("1", "2")


def test_memory_beyond_its_limit_is_an_error_of_its_own(tmp_path: Path) -> None:
    code = "try:\n    bytearray(2**31)\nexcept MemoryError:\n    print('no memory')"

    assert confined(tmp_path, code) == "no memory"


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    child = CONFINED + "print(os.getpid(), flush=True); import time; time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {child!r}, *sys.argv[1:]])"
    command = [sys.executable, "-P", "-c", parent, str(tmp_path), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    for _ in range(600):
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return
        except (FileNotFoundError, ProcessLookupError):  # it is gone, be it while it is read
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the confined process outlives its parent")
