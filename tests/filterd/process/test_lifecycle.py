import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.present import present

from filterd.box.errors import MissingPart
from filterd.process.instance import instances, only_instance
from filterd.process.lifecycle import end_with_fault, pause_s, stop_requested, tell_we_live

CHILD = """
import os, subprocess, sys, time
code = "import time; from filterd.process.lifecycle import end_with_supervisor; end_with_supervisor(); "
code += "print('up', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"FILTERD_PARENT": str(os.getpid())})
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_signal_to_stop_is_seen() -> None:
    async def play() -> Any:
        stopping = stop_requested()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stopping.wait(), 60)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
        return True

    assert asyncio.run(play())


@pytest.mark.services
def test_a_process_that_keeps_its_memory_private_cannot_be_dumped() -> None:
    code = "import ctypes; from filterd.process.lifecycle import keep_memory_private; libc = ctypes.CDLL(None); "
    code += "before = libc.prctl(3); keep_memory_private(); print(before, libc.prctl(3))"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert shown.split()[1] == "0"


def test_the_watchdog_is_fed_only_while_the_role_says_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = iter([True, False, True])

    async def play(listener: Any) -> Any:
        loop = asyncio.get_running_loop()
        telling = loop.create_task(tell_we_live(lambda: next(says)))
        heard = [await loop.sock_recv(listener, 200) for _ in range(3)]
        telling.cancel()
        return heard

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        monkeypatch.setenv("WATCHDOG_USEC", "2000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        heard = asyncio.run(asyncio.wait_for(play(listener), 60))

    assert [b"READY=1" in heard[0], b"WATCHDOG=1" in heard[1], b"WATCHDOG=1" in heard[2]] == [True, True, True]
    assert list(says) == []


@pytest.mark.services
def test_a_role_ends_when_its_supervisor_is_killed() -> None:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, env=env)
    with parent:
        lines = {present(parent.stdout).readline().strip(), present(parent.stdout).readline().strip()}
        pid = int((lines - {"up"}).pop())

        parent.kill()

    deadline = time.monotonic() + 60
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: Any) -> Any:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it is gone, be it while it is read
        return False


def test_what_cannot_start_ends_at_once_the_first_time_and_later_after_pauses_up_to_the_longest() -> None:
    assert [pause_s(n_failed, 60.0) for n_failed in (1, 2, 3, 4, 8, 9, 100)] == [0, 1, 2, 4, 60, 60, 60]
    assert pause_s(1_000_000, 5.0) == 5.0


def test_a_role_that_cannot_do_its_work_says_why_and_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="port 80 is taken"), only_instance(tmp_path, "web-0") as instance:
        end_with_fault(instance, "port 80 is taken", 60.0)

    assert instances(tmp_path)["web-0"][0].fault == "port 80 is taken"
