"""Roles that were taken over plant links, FIFOs, cut and grown files where they may write: nothing beyond is harmed."""

import subprocess
from typing import Protocol

import pytest

pytestmark = pytest.mark.kernel

BLOCKED = ("dig", "+short", "+time=1", "+tries=1", "@127.0.0.1", "www.blocked.example")
SPLASH = "192.0.2.2"
START = """
install -m 644 /opt/filterd/source/systemd/filterd.tmpfiles /usr/lib/tmpfiles.d/filterd.conf
systemd-tmpfiles --create filterd.conf
install -m 640 -g filterd /dev/null /etc/filterd/bng.secret && echo 'of sixteen octets' > /etc/filterd/bng.secret
cat >> /etc/filterd/filterd.yaml <<'CONFIG'
radius:
  listen: ["127.0.0.1:1813"]
  nas: [{name: bng, address: 127.0.0.9, secret: bng.secret, pools: [127.0.0.0/8], default_profile: 1}]
CONFIG
"""
RUN = "systemctl start filterd.target filterd-radius"
# A file of control's in a folder that nobody else enters.
MAKE_KEY = """
install -d -m 700 -o filterd-control -g filterd-desk /var/lib/filterd/keys
echo 'of control alone' | install -m 600 -o filterd-control -g filterd-desk /dev/stdin /var/lib/filterd/keys/former
"""
# Everything that no role but its own may change, with owner and mode.
KEPT = """
cd /var/lib/filterd && find keys desk image-key /etc/shadow /etc/filterd -type f -exec stat -c '%n %u %g %a' {} + \
    -exec sha256sum {} + | sort
"""
ALIVE = "for unit in control dns@0 gate@0 radius; do systemctl show -P NRestarts filterd-$unit; done | sort -u"
# What a worker has against the sessions; the answers to queries that it was sent meanwhile.
REFUSED = """
from pathlib import Path
from filterd.process.json_socket import ask_blocking
said = ask_blocking(Path("/run/filterd/dns-0/worker.sock"), "dns", {"op": "status"}, 30.0)
print("sessions" if said.get("sessions") else "none", "refused" if said.get("refused") else "good")
"""
ASK = """
import socket, sys
query = b"\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + b"\\3www\\7blocked\\7example\\0" + b"\\0\\1\\0\\1"
lost = 0
for number in range(200):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(20)
        asking.connect(("127.0.0.1", 53))
        try:
            asking.send(number.to_bytes(2, "big") + query)
            lost += bytes((192, 0, 2, 2)) not in asking.recv(4096)
        except OSError:
            lost += 1
print(lost)
"""
# As radius, in the folder of the images of sessions: $base is in force.
OF_RADIUS = (
    "truncate -s 0 $base",
    "truncate -s 1T $base && touch sessions.json",
    "rm $base && mkfifo $base && touch sessions.json",
    "rm $base && ln -s /etc/shadow $base && touch sessions.json",
    'echo \'{"base": "../keys/ledger.key"}\' > sessions.json',
    "rm sessions.json && mkfifo sessions.json",
    "rm sessions.json && truncate -s 1T sessions.json",
)
# As web, in the folder of the database, before control takes its reserve there.
OF_WEB = """
ln -s /var/lib/filterd/keys/former reserve.part
"""
# The same, before an operator puts a copy back.
BEFORE_RESTORE = """
ln -s /etc/shadow filterd.db.part
rm -f filterd.db-wal filterd.db-shm
ln -s /etc/shadow filterd.db-wal && ln -s /etc/shadow filterd.db-journal && mkfifo filterd.db-shm
"""


class Box(Protocol):
    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]": ...

    def says(self, *argv: str) -> str: ...

    def until(self, wanted: str, *argv: str) -> None: ...


def as_role(role: str, folder: str, script: str) -> tuple[str, ...]:
    become = f"setpriv --reuid=filterd-{role} --regid=$(id -g filterd-{role}) --init-groups"
    return ("bash", "-c", f'cd /var/lib/filterd/{folder} && {become} bash -ec "$1"', "plant", script)


def python(script: str) -> tuple[str, ...]:
    return ("/opt/filterd/bin/python", "-c", script)


def test_what_radius_does_to_its_images_costs_no_answer_and_its_restart_mends_them(box: Box) -> None:
    box.says("bash", "-c", START + RUN)
    box.until(SPLASH, *BLOCKED)
    box.until("sessions good", *python(REFUSED))
    kept = box.says("bash", "-c", KEPT)
    base = 'base=$(sed \'s/.*"base":"\\([^"]*\\)".*/\\1/\' sessions.json)\n'
    names = box.says(*as_role("radius", "session-images", base + "echo $base"))

    lost = []
    for attack in OF_RADIUS:
        box.says(*as_role("radius", "session-images", f"base={names}\n{attack}"))
        lost.append(box.says(*python(ASK)))

    assert lost == ["0"] * len(OF_RADIUS)
    assert box.says("bash", "-c", ALIVE) == "0"
    assert box.says("bash", "-c", KEPT) == kept
    box.says(*as_role("radius", "session-images", f'rm -f sessions.json {names}; echo \'{{"base":"{names}"}}\' > x'))
    box.says("systemctl", "restart", "filterd-radius")
    box.until("sessions good", *python(REFUSED))


def test_what_web_plants_beside_the_database_is_no_way_to_the_files_of_others(box: Box) -> None:
    box.says("bash", "-c", START)
    box.says("bash", "-c", MAKE_KEY)
    box.says(*as_role("web", "database", OF_WEB))
    box.says("bash", "-c", RUN)
    box.until(SPLASH, *BLOCKED)
    box.until("active", "systemctl", "is-active", "filterd-web")
    box.until("held", "bash", "-c", "test -e /var/lib/filterd/database/reserve && echo held")
    assert box.says("cat", "/var/lib/filterd/keys/former") == "of control alone"
    kept = box.says("bash", "-c", KEPT)

    box.says("/opt/filterd/bin/filterd", "db", "backup", "/root/copy.db")
    box.says("systemctl", "stop", "filterd-web", "filterd-control")
    box.says(*as_role("web", "database", BEFORE_RESTORE))
    assert "is no file; not used" in box.run("/opt/filterd/bin/filterd", "db", "check").stderr
    box.says("/opt/filterd/bin/filterd", "db", "restore", "/root/copy.db", "--force")
    box.says("/opt/filterd/bin/filterd", "token", "list")

    assert box.says("bash", "-c", KEPT) == kept
    file = "/var/lib/filterd/database/filterd.db"
    assert box.says("stat", "-c", "%F %U %G %a", file) == "regular file filterd-control filterd-records 660"
    box.says("systemctl", "start", "filterd-control", "filterd-web")
    assert box.says("bash", "-c", ALIVE) == "0"
    assert box.says(*python(ASK)) == "0"
