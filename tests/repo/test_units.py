"""The systemd units: understood by systemd, and closed as far as each role allows."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dns.base.real_time import PRIORITY
from filterd.box.places import reader_socket, sealed_socket
from filterd.images.lists.sealed_reader import KEY
from filterd.images.lists.updater import TAKE_S
from filterd.process.supervisor import WATCHDOG_S

PROGRAMS = ("/opt/filterd/bin/filterd", "/opt/filterd/bin/python")
# On in every service, or named in a comment "# off: NAME, NAME: what it would break".
SANDBOX = """
    NoNewPrivileges=yes ProtectSystem=strict ProtectHome=yes PrivateTmp=yes PrivateDevices=yes ProtectProc=invisible
    ProcSubset=pid ProtectKernelTunables=yes ProtectKernelModules=yes ProtectKernelLogs=yes ProtectControlGroups=yes
    ProtectClock=yes ProtectHostname=yes RestrictNamespaces=yes RestrictRealtime=yes RestrictSUIDSGID=yes
    LockPersonality=yes MemoryDenyWriteExecute=yes RemoveIPC=yes KeyringMode=private SystemCallArchitectures=native
    SystemCallErrorNumber=EPERM SystemCallFilter=@system-service LimitCORE=0 MemorySwapMax=0
    PrivateNetwork=yes PrivateUsers=yes
"""


def off(lines: list[str]) -> set[str]:
    """The settings that a unit says are off, with a reason behind the second colon."""
    said = [line.removeprefix("# off: ").partition(": ") for line in lines if line.startswith("# off: ")]
    return {name.strip() for names, _, reason in said if reason for name in names.split(",")}


def test_a_line_of_the_sandbox_is_on_or_says_why_it_is_off(root: Path) -> None:
    missing = []
    for unit in sorted(root.glob("systemd/*.service")):
        lines = unit.read_text().splitlines()
        closed = set(lines) | {wanted for wanted in SANDBOX.split() if wanted.partition("=")[0] in off(lines)}
        missing += [f"{unit.name}: {wanted}" for wanted in SANDBOX.split() if wanted not in closed]

    assert missing == []


def test_only_the_roles_that_need_a_capability_have_it(root: Path) -> None:
    held = {}
    for unit in sorted(root.glob("systemd/filterd-*.service")):
        [line] = [line for line in unit.read_text().splitlines() if line.startswith("CapabilityBoundingSet=")]
        held[unit.stem] = line.partition("=")[2].split()

    assert held == {
        "filterd-accept": [],
        "filterd-archive": [],
        "filterd-control": ["CAP_NET_ADMIN"],
        "filterd-dns@": ["CAP_NET_BIND_SERVICE"],
        "filterd-gate@": ["CAP_NET_ADMIN", "CAP_NET_RAW"],
        "filterd-metrics": [],
        "filterd-radius": [],
        "filterd-reader@": [],
        "filterd-rules": ["CAP_NET_ADMIN"],
        "filterd-sealed@": [],
        "filterd-siem": [],
        "filterd-splash": ["CAP_NET_BIND_SERVICE"],
        "filterd-web": [],
    }


def test_only_dns_workers_may_have_a_real_time_priority_and_only_the_lowest(root: Path) -> None:
    allowed = {
        unit.stem: line
        for unit in root.glob("systemd/*.service")
        for line in unit.read_text().splitlines()
        if line.startswith("LimitRTPRIO=")
    }

    assert allowed == {"filterd-dns@": f"LimitRTPRIO={PRIORITY}"}


def test_no_unit_runs_anything_beside_its_account(root: Path) -> None:
    """`+` and `!` run a line with root's rights, in places that a role may have prepared."""
    lines = [(unit.name, line) for unit in root.glob("systemd/*.service") for line in unit.read_text().splitlines()]
    commands = [(name, line) for name, line in lines if line.startswith("Exec")]

    assert commands != []
    assert [each for each in commands if set(each[1].partition("=")[2].partition("/")[0]) & set("+!")] == []


def test_what_strangers_reach_has_a_limit_of_memory_and_tasks_and_the_splash_nothing_to_steal(root: Path) -> None:
    web, splash, metrics = (
        (root / f"systemd/filterd-{name}.service").read_text().splitlines() for name in ("web", "splash", "metrics")
    )

    for lines in (web, splash, metrics):
        assert [line.partition("=")[0] for line in lines if line.startswith(("MemoryMax=", "TasksMax="))] == [
            "MemoryMax",
            "TasksMax",
        ]
    assert any(line.startswith("InaccessiblePaths=") and "/var/lib/filterd/database" in line for line in splash)
    assert not any(line.startswith("ReadWritePaths=") for line in splash)
    for line in ("User=filterd-metrics", "SupplementaryGroups=filterd filterd-counters filterd-desk"):
        assert line in metrics
    assert not any(line.startswith("ReadWritePaths=") for line in metrics)
    assert {"User=filterd-splash", "Group=filterd-splash", "SupplementaryGroups=filterd"} <= set(splash)


def test_a_reader_of_lists_has_no_network_owns_nothing_and_ends_when_control_gives_up(root: Path) -> None:
    reader = (root / "systemd/filterd-reader@.service").read_text().splitlines()
    door = (root / "systemd/filterd-reader.socket").read_text().splitlines()

    assert {"User=filterd-reader", "Group=filterd-reader", "PrivateNetwork=yes"} <= set(reader)
    assert not any(line.startswith(("SupplementaryGroups=", "ReadWritePaths=", "StateDirectory=")) for line in reader)
    assert any(line.startswith("MemoryMax=") for line in reader) and any(
        line.startswith("TasksMax=") for line in reader
    )
    assert f"RuntimeMaxSec={TAKE_S:g}" in reader
    assert f"ListenStream={reader_socket(Path('/run/filterd'))}" in door
    assert {"SocketUser=filterd-control", "SocketGroup=filterd-desk", "SocketMode=0660"} <= set(door)


def test_the_key_of_sealed_lists_is_a_credential_of_their_reader_alone_which_no_disk_sees_in_clear(root: Path) -> None:
    reader = (root / "systemd/filterd-sealed@.service").read_text().splitlines()
    door = (root / "systemd/filterd-sealed.socket").read_text().splitlines()
    with_key = [unit.stem for unit in root.glob("systemd/*.service") if KEY in unit.read_text()]

    assert with_key == ["filterd-sealed@"]
    assert {"User=filterd-sealed", "Group=filterd-sealed", "PrivateNetwork=yes", f"ImportCredential={KEY}"} <= set(
        reader
    )
    assert {"LimitCORE=0", "LimitMEMLOCK=infinity", "MemorySwapMax=0", "StandardError=null"} <= set(reader)
    assert not any(line.startswith(("SupplementaryGroups=", "ReadWritePaths=", "StateDirectory=")) for line in reader)
    assert f"RuntimeMaxSec={TAKE_S:g}" in reader
    assert f"ListenStream={sealed_socket(Path('/run/filterd'))}" in door
    assert {"SocketUser=filterd-control", "SocketMode=0600"} <= set(door)


def test_a_role_may_be_silent_for_as_long_under_systemd_as_under_our_own_supervisor(root: Path) -> None:
    told = {}
    for unit in root.glob("systemd/filterd-*.service"):
        if "Type=notify" not in unit.read_text().splitlines():
            continue
        [line] = [line for line in unit.read_text().splitlines() if line.startswith("WatchdogSec=")]
        told[unit.stem.removeprefix("filterd-").rstrip("@")] = float(line.partition("=")[2])

    assert told == WATCHDOG_S


def test_no_start_of_a_role_depends_on_the_operators_file(root: Path) -> None:
    depending = [
        unit.name
        for unit in root.glob("systemd/*.service")
        if "ExecStartPre=/opt/filterd/bin/filterd" in unit.read_text()
    ]

    assert depending == []


def test_every_account_of_a_unit_is_made(root: Path) -> None:
    lines = (root / "systemd/filterd.sysusers").read_text().splitlines()
    made = {line.split()[1] for line in lines if line[:1] in "ug"}
    wanted = set()
    for unit in (*root.glob("systemd/*.service"), *root.glob("systemd/*.socket")):
        for line in unit.read_text().splitlines():
            if line.startswith(("User=", "Group=", "SupplementaryGroups=", "SocketUser=", "SocketGroup=")):
                wanted |= set(line.partition("=")[2].split())

    assert wanted - made == set()


@pytest.fixture
def units(root: Path, tmp_path: Path) -> list[Path]:
    """The units, as they would lie in /etc, with a program that is there."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    for unit in sorted(each for kind in ("service", "socket", "target") for each in root.glob(f"systemd/*.{kind}")):
        lines = unit.read_text()
        for program in PROGRAMS:
            lines = lines.replace(program, sys.executable)
        (tmp_path / unit.name).write_text(lines)
    return sorted(tmp_path.iterdir())


def test_systemd_understands_every_line_of_the_units(units: list[Path]) -> None:
    shown = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)

    ours = [line for line in shown.stderr.splitlines() if "filterd" in line]
    assert (shown.returncode, ours) == (0, [])


def test_the_sandbox_of_every_service_stays_closed(units: list[Path]) -> None:
    services = [unit for unit in units if unit.suffix == ".service"]

    # 20 is 2.0 of 10: what the baseline with NET_ADMIN and NET_RAW scores, with a little room.
    wide = []
    for unit in services:
        asked: list[str | Path] = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
        if subprocess.run(asked, capture_output=True).returncode != 0:
            wide.append(unit.name)

    assert services != []
    assert wide == []
