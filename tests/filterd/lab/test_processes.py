import subprocess
import sys
from pathlib import Path

import pytest

from filterd.box.errors import MissingPart
from filterd.lab.processes import Programs, is_alive, run, tail, wait_until

pytestmark = pytest.mark.services

# Says its own number and that of a child of its own, and goes on for ever; SIGTERM does not impress it.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""


def test_a_program_is_ended_with_its_children_and_its_output_is_in_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.lab.processes.STOP_S", 0.1)
    programs, log = Programs(tmp_path), tmp_path / "stubborn.log"
    programs.start([sys.executable, "-c", STUBBORN], "stubborn")
    wait_until(lambda: log.read_text().endswith("\n"), "its line")
    pids = log.read_text().split()
    assert all(is_alive(int(pid)) for pid in pids)

    programs.stop_all()

    wait_until(lambda: not any(is_alive(int(pid)) for pid in pids), "the end of both")


def test_a_process_that_nobody_has_waited_for_is_not_alive() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        assert is_alive(process.pid)

        process.kill()

        wait_until(lambda: not is_alive(process.pid), "its end")
        assert Path("/proc", str(process.pid)).exists()


def test_the_youngest_program_ends_first(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    trap = "trap 'date +%s%N; exit' TERM; echo ready; while :; do sleep 0.01; done"
    for name in ("old", "young"):
        programs.start(["bash", "-c", trap], name)
        wait_until(lambda name=name: "ready" in (tmp_path / f"{name}.log").read_text(), name)  # type: ignore[misc]

    programs.stop_all()

    ended = {name: int((tmp_path / f"{name}.log").read_text().split()[-1]) for name in ("old", "young")}
    assert ended["young"] < ended["old"]


def test_run_gives_output_and_exit_code() -> None:
    done = run(["sh", "-c", "cat; echo no >&2; exit 3"], "yes")

    assert (done.returncode, done.stdout, done.stderr) == (3, "yes", "no\n")


def test_a_program_that_is_not_here_is_missing() -> None:
    with pytest.raises(MissingPart, match=r"^no-such-program: not on this box; nothing was run; install"):
        run(["no-such-program"])


def test_waiting_ends_with_what_was_waited_for() -> None:
    with pytest.raises(TimeoutError, match=r"^the cows: not within 0\.05 s$"):
        wait_until(lambda: False, "the cows", 0.05)


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("1\n2\n3\n")

    assert tail(tmp_path / "a.log", 2) == "2\n3"
    assert tail(tmp_path / "b.log").endswith("b.log: no such log")
