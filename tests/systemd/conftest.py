"""This machine once more, with systemd as its first process: an overlay over / in namespaces of its own.

Nothing that happens there reaches this machine: its files, its network and its processes are the overlay's.  What this
machine starts when a socket is asked does not start there.  In there,
/opt/filterd is a virtual environment that takes the packages of this one; lo and a veth pair are all its network.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.lab.patience import Patience

ROOT = Path(__file__).parents[2]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE_S = 120.0  # a loaded machine; it takes three seconds otherwise

CONFIG = """\
dns: {upstreams: ["192.0.2.53:53"]}
splash: {address4: 192.0.2.2}
lists:
  - {id: orders-of-today, file: lists/today.txt, format: plain, tier: order}
"""

BOOT = """
set -e
mount -t tmpfs tmpfs "$0"
mkdir "$0"/upper "$0"/work "$0"/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0"/root
cd "$0"/root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in run tmp var/lib dev; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
rm -rf opt/filterd etc/systemd/system/sockets.target.wants
mkdir -p opt/filterd/packages opt/filterd/source
mount --bind "$2" opt/filterd/packages
mount --bind "$1" opt/filterd/source
ip link set lo up
ip link add here type veth peer name there
ip link set here up
ip link set there up
ip address add 192.0.2.2/24 dev here
pivot_root . mnt
umount -l /mnt
cd /
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=basic.target --show-status=no --log-target=journal
"""

# As root in there, once: what docs/operate/operating.md says, with the environment made by hand.
INSTALL = """
set -e
"$1" -m venv --without-pip --symlinks /opt/filterd
site=$(/opt/filterd/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '/opt/filterd/source\\n/opt/filterd/packages\\n' > "$site"/filterd.pth
cat > /opt/filterd/bin/filterd <<'SCRIPT'
#!/opt/filterd/bin/python
from filterd.cli import main
raise SystemExit(main())
SCRIPT
chmod 755 /opt/filterd/bin/filterd
cd /opt/filterd/source/systemd
install -m 644 filterd.sysusers /usr/lib/sysusers.d/filterd.conf && systemd-sysusers
install -m 644 filterd*.service filterd*.socket filterd.target /etc/systemd/system/
ln -sf /dev/null /etc/systemd/system/network-online.target
rm -rf /etc/filterd && mkdir -p /etc/filterd/lists
printf '%s' "$2" > /etc/filterd/filterd.yaml
echo blocked.example > /etc/filterd/lists/today.txt
systemctl daemon-reload
"""


class Box:
    """A running system.   pid: of its first process, as seen from here."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Run a program in there to its end."""
        enter = ["nsenter", "-t", str(self._pid), "-m", "-p", "-u", "-i", "-n", "-r", "-w"]
        return subprocess.run([*enter, "env", "-i", f"PATH={PATH}", *argv], capture_output=True, text=True, check=False)

    def says(self, *argv: str) -> str:
        """What a program in there prints; raises AssertionError where it fails."""
        done = self.run(*argv)
        assert done.returncode == 0, done.stdout + done.stderr + self.journal()
        return done.stdout.strip()

    def journal(self) -> str:
        return self.run("journalctl", "-u", "filterd*", "--no-pager", "-n", "40", "-o", "cat").stdout

    def until(self, wanted: str, *argv: str) -> None:
        """Ask until a program in there prints `wanted`."""
        patience = Patience(PATIENCE_S)
        while (found := self.run(*argv).stdout.strip()) != wanted:
            assert not patience.is_over(), f"{' '.join(argv)}: {found}\n{self.journal()}"
            time.sleep(0.1)


def why_not() -> str | None:
    """Why no such box can be had here; None where it can."""
    for program in ("unshare", "nsenter", "systemctl", "dig"):
        if not shutil.which(program):
            return f"no {program} here"
    if not Path("/lib/systemd/systemd").exists():
        return "no systemd here"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "this kernel has no overlay file system"
    base = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    if base.parts[1] in ("root", "home"):
        return f"the Python {base} lies in a home, which the sandbox of the units hides"
    return None


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    if reason := why_not():
        pytest.skip(reason)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    spaces = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child"]
    argv = [*spaces, "--propagation", "private", "bash", "-c", BOOT, str(tmp_path), str(ROOT), packages]
    with (tmp_path.parent / f"{tmp_path.name}.log").open("w+") as log:
        booting = subprocess.Popen(argv, stdout=log, stderr=log, cwd="/")
        try:
            there = Box(_first_process(booting, Path(log.name)))
            there.until("", "systemctl", "list-jobs", "--no-legend", "basic.target")
            base = str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]
            there.says("bash", "-c", INSTALL, "install", base, CONFIG)
            yield there
        finally:
            booting.kill()
            booting.wait()


def _first_process(booting: "subprocess.Popen[bytes]", log: Path) -> int:
    """The process number of systemd in there, once it answers."""
    children = Path(f"/proc/{booting.pid}/task/{booting.pid}/children")
    patience = Patience(PATIENCE_S)
    while booting.poll() is None and not patience.is_over():
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/comm").read_text() == "systemd\n" and _answers(Box(int(pid))):
                return int(pid)
        time.sleep(0.1)
    pytest.skip(f"systemd does not start in namespaces here: {log.read_text()[-300:]}")


def _answers(there: Box) -> bool:
    return there.run("systemctl", "is-system-running").stdout.strip() not in ("", "offline", "initializing")
