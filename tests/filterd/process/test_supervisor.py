import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.system.daemon import eventually

from filterd.config import read_config
from filterd.lab.patience import Patience
from filterd.process.supervisor import WATCHDOG_S, Child, Supervisor, command_of, longest_pause_s, roles_of

pytestmark = pytest.mark.services

# Again and again: what is said before the supervisor knows the process is not heard.
READY = """
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
while True:
    s.send(f"READY=1\\nMAINPID={os.getpid()}".encode())
    time.sleep(0.1)
"""

ONLY_DNS_IS_READY = """
import os, sys, time
from filterd.process.sd_notify import notify
if sys.argv[1].startswith("web"):
    sys.exit(3)
while True:
    if sys.argv[1].startswith("dns"):
        notify("READY=1")
    time.sleep(0.1)
"""

ALL_BUT_CONTROL = """
import sys, time
from filterd.process.sd_notify import notify
while True:
    if not sys.argv[1].startswith("control"):
        notify("READY=1")
    time.sleep(0.1)
"""

# The third of its kind is never ready: it opens its images still.
LIVING = """
import asyncio, sys, time
from filterd.process.lifecycle import tell_we_live
if sys.argv[1].endswith("-2"):
    time.sleep(60)
asyncio.run(tell_we_live())
"""


def run_until(tmp_path: Path, code: Any, children: Any, wanted: Any) -> Any:
    """Supervise `python -c code` until `wanted()` is true, stop; returns what `wanted` gave."""
    supervisor = Supervisor(children, lambda child: [sys.executable, "-c", code, child.name], tmp_path)

    async def play() -> Any:
        patience = Patience(60)
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run())
            while not (found := wanted()) and not patience.is_over():  # noqa: ASYNC110  # nothing else tells of it
                await asyncio.sleep(0.01)
            supervisor.stop()
        assert found, "waited 60 s in vain"
        return found

    return asyncio.run(play())


def pid_in(path: Path) -> Any:
    return int(path.read_text()) if path.exists() and path.read_text() else 0


def state_of(pid: Any) -> str:
    """What the kernel says of a process; "" once it is gone, be it while it is read."""
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_running(pid: Any) -> Any:
    state = state_of(pid)
    return state and "State:\tZ" not in state


def is_asleep(pid: Any) -> Any:
    return "State:\tS" in state_of(pid)


def test_a_role_that_ends_is_started_again(tmp_path: Path) -> None:
    code = f"import os; open({str(tmp_path / 'starts')!r}, 'a').write('x')"

    run_until(
        tmp_path,
        code,
        [Child("dns", 0)],
        lambda: (tmp_path / "starts").exists() and len((tmp_path / "starts").read_text()) >= 3,
    )


def test_a_killed_role_comes_back_with_another_pid(tmp_path: Path) -> None:
    path = tmp_path / "control-0.pid"
    first: list[int] = []

    def killed_and_back() -> Any:
        pid = pid_in(path)
        if pid and not first:
            first.append(pid)
            os.kill(pid, signal.SIGKILL)
        return pid and pid != first[0]

    run_until(tmp_path, "import time; time.sleep(60)", [Child("control", 0)], killed_and_back)


def test_stop_ends_all_roles_and_leaves_no_file(tmp_path: Path) -> None:
    children = [Child("dns", 0), Child("web", 0)]

    pids = run_until(
        tmp_path,
        "import time; time.sleep(60)",
        children,
        lambda: all(child.pid for child in children) and [child.pid for child in children],
    )

    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        raise AssertionError(f"{pid} is still there")
    assert list(tmp_path.iterdir()) == []


def test_what_a_role_started_dies_with_it(tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    code = (
        "import subprocess, sys, time; "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        f"open({str(note)!r}, 'w').write(str(p.pid)); "
        "time.sleep(60)"
    )

    run_until(tmp_path, code, [Child("control", 0)], lambda: pid_in(note))

    eventually(lambda: not is_running(pid_in(note)), "the end of what it started")


def test_the_box_is_ready_when_every_role_has_said_so(tmp_path: Path) -> None:
    children = [Child("dns", 0), Child("web", 0)]

    run_until(tmp_path, READY, children, lambda: all(child.is_ready for child in children))


def test_a_role_whose_first_word_was_lost_is_ready_with_its_next_one(tmp_path: Path) -> None:
    children = [Child("dns", 0)]

    run_until(tmp_path, READY.replace("READY=1", "WATCHDOG=1"), children, lambda: children[0].is_ready)


def test_the_box_is_ready_with_its_data_plane_whatever_the_other_roles_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        listening.bind(str(tmp_path / "systemd.sock"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "systemd.sock"))
        heard: list[str] = []

        def told() -> Any:
            with contextlib.suppress(BlockingIOError):
                heard.extend(listening.recv(4096).decode().splitlines())
            return "READY=1" in heard and [line for line in heard if line.startswith("STATUS=")]

        said = run_until(
            tmp_path / "run", ONLY_DNS_IS_READY, [Child("dns", 0), Child("control", 0), Child("web", 0)], told
        )

    assert said == ["STATUS=without control-0 web-0, see: filterd status"]


@pytest.mark.parametrize(("others", "is_said"), [([Child("gate", 0)], True), ([Child("dns", 0)], False)])
def test_a_gate_that_is_ready_before_control_says_whose_rules_hold(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, others: list[Child], is_said: bool
) -> None:
    caplog.set_level("INFO")

    run_until(
        tmp_path, ALL_BUT_CONTROL, [*others, Child("control", 0)], lambda: "ready, without control-0" in caplog.text
    )

    assert ("the gate's rules are those of before, or none" in caplog.text) == is_said


def test_what_no_traffic_waits_for_is_tried_again_after_a_minute_at_most_and_the_data_plane_sooner() -> None:
    assert [longest_pause_s(role) for role in ("dns", "gate", "control", "web", "splash", "metrics")] == [
        5,
        5,
        60,
        60,
        60,
        60,
    ]


def test_the_supervisor_says_again_and_again_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        listening.bind(str(tmp_path / "systemd.sock"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "systemd.sock"))
        heard: list[list[str]] = []

        def twice() -> Any:
            with contextlib.suppress(BlockingIOError):
                heard.append(listening.recv(4096).decode().splitlines())
            return len(heard) == 2

        run_until(tmp_path / "run", "import time; time.sleep(60)", [Child("control", 0)], twice)

    assert heard == [["WATCHDOG=1", f"MAINPID={os.getpid()}"]] * 2


def test_a_role_that_stands_still_is_replaced_and_no_other_not_even_one_that_is_not_ready_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WATCHDOG_S, "gate", 8.0)  # the one that turns may be kept from its core for 4 s
    children = standing, turning, starting = Child("gate", 0), Child("gate", 1), Child("gate", 2)
    before: list[int] = []

    def replaced() -> Any:
        if not before and standing.is_ready and turning.is_ready and starting.pid:
            before.extend(child.pid for child in children)
            os.kill(standing.pid, signal.SIGSTOP)
        return before and standing.is_ready and standing.pid != before[0] and [child.pid for child in children]

    after = run_until(tmp_path, LIVING, children, replaced)

    assert after[1:] == before[1:]


def test_a_machine_that_stood_still_as_a_whole_kills_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WATCHDOG_S, "gate", 4.0)  # once all goes on, it may be kept from its core for 2 s
    children = [Child("gate", 0)]
    before: list[int] = []

    def stood_still() -> Any:
        # asleep: its time until the next word runs on while it stands
        if not before and children[0].is_ready and is_asleep(children[0].pid):
            before.append(children[0].pid)
            os.kill(children[0].pid, signal.SIGSTOP)
            time.sleep(WATCHDOG_S["gate"] + 1)  # we, too, stand still
            os.kill(children[0].pid, signal.SIGCONT)
            children[0].silent_s = WATCHDOG_S["gate"] / 2  # as long as it may have been silent before
            return None
        return before and children[0].silent_s == 0 and [children[0].pid]

    assert run_until(tmp_path, LIVING, children, stood_still) == before


def test_roles_live_on_where_nobody_hears_that_the_supervisor_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "absent"))

    pid_file = tmp_path / "run/control-0.pid"
    run_until(tmp_path / "run", "import time; time.sleep(60)", [Child("control", 0)], lambda: pid_in(pid_file))


def test_a_signal_for_the_lists_goes_to_control_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = str(tmp_path / "hup-")
    code = (
        "import signal, sys, time; "
        f"signal.signal(signal.SIGHUP, lambda *_: open({note!r} + sys.argv[1], 'w').close()); "
        f"open({str(tmp_path / 'up-')!r} + sys.argv[1], 'w').close(); time.sleep(60)"
    )
    children = [Child("dns", 0), Child("control", 0)]
    supervisors: list[Supervisor] = []

    def heard() -> Any:
        if len(list(tmp_path.glob("up-*"))) == 2:
            supervisors[0].pass_on(signal.SIGHUP)
        return list(tmp_path.glob("hup-*"))

    real = Supervisor.__init__

    def keep(self: Supervisor, *args: Any) -> None:
        supervisors.append(self)
        real(self, *args)

    monkeypatch.setattr(Supervisor, "__init__", keep)
    assert [path.name for path in run_until(tmp_path, code, children, heard)] == ["hup-control-0"]


def test_the_roles_of_a_box_come_from_its_configuration(tmp_path: Path) -> None:
    config = read_config(b"dns: {upstreams: ['192.0.2.53:53'], workers: 2}\ngate: {workers: 0}\n", "x", tmp_path)

    assert [child.name for child in roles_of(config)] == [
        "dns-0",
        "dns-1",
        "control-0",
        "web-0",
        "splash-0",
        "metrics-0",
        "archive-0",
    ]


def test_the_siem_role_runs_where_a_collector_is_written(tmp_path: Path) -> None:
    said = b"dns: {upstreams: ['192.0.2.53:53']}\n"
    sent = b"siem: {server: 'siem.example:6514', send: [ledger]}\n"

    assert roles_of(read_config(said + sent, "x", tmp_path))[-1].name == "siem-0"
    assert "siem-0" not in {child.name for child in roles_of(read_config(said, "x", tmp_path))}


def test_a_role_is_the_same_program_with_its_role_and_number(tmp_path: Path) -> None:
    assert command_of(Child("dns", 3), tmp_path / "c.yaml")[2:] == [
        "-m",
        "filterd",
        "run",
        "--config",
        str(tmp_path / "c.yaml"),
        "--role",
        "dns",
        "--index",
        "3",
    ]
    assert command_of(Child("web", 0), tmp_path / "c.yaml", "debug")[-2:] == ["--log-level", "debug"]
