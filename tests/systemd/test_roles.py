"""Every role as its own account, against every socket, folder and key: what docs/internals/roles.md allows, no more."""

import ast
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from support.system.units import ROLE_UNITS

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
ROLES = ("control", "dns", "gate", "web", "splash", "metrics", "radius", "archive", "siem", "reader", "sealed")
DOORS = ("control", "splash", "radius", "archive", "reader", "sealed", "worker")
START = """
install -m 644 /opt/filterd/source/systemd/filterd.tmpfiles /usr/lib/tmpfiles.d/filterd.conf
systemd-tmpfiles --create filterd.conf
chgrp filterd /etc/filterd/filterd.yaml && chmod 640 /etc/filterd/filterd.yaml
systemctl start filterd.target filterd-radius filterd-siem
"""
# As a role: path → what it may do there; "socket request" → whether it was carried out.
PROBE = """
import json, os, sys
from pathlib import Path
from filterd.process.json_socket import NoAnswer, ask_blocking
said = json.load(sys.stdin)
found = {}
for path in said["paths"]:
    may = ("r" if os.access(path, os.R_OK) else "") + ("w" if os.access(path, os.W_OK) else "")
    found[path] = may
for door, path, role, request in said["requests"]:
    try:
        fields = {"list": "orders-of-today", "names": [], "prefixes": [], "cut": [], "code": "", "address": "192.0.2.1"}
        fields |= {"signed": 0, "size": 1, "note": "", "vkey": "", "number": 0, "index": 0, "earlier": None}
        fields |= {"most": 1, "streams": {}, "profiles": [], "version": "", "first": "2027-01-01", "last": "2027-01-01"}
        fields |= {"search": 1, "orders": [], "blocks_before_s": 0, "household_before_s": 0, "after_s": None}
        fields |= {"wanted": [0, 1, None, None, None, None], "form": "csv", "skip": 0, "limit": 1, "sealed": ""}
        fields["encoding"] = 7  # what a reader may be asked is refused then before it waits for files
        reply = ask_blocking(Path(path), role, {"op": request, **fields}, 30.0)
        found[f"{door} {request}"] = "may not ask" not in reply.get("error", "")
    except NoAnswer as reason:
        found[f"{door} {request}"] = "reply" in str(reason)
print(json.dumps(found))
"""

# In the place of the reader's program, with all that its unit gives and takes: what it can reach.
REACH = """
import os, pwd, socket
from pathlib import Path
found = {"account": pwd.getpwuid(os.getuid()).pw_name, "groups": os.getgroups()}
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
found["capabilities"] = int(status["CapBnd"], 16) | int(status["CapEff"], 16)
found["links"] = [line.split(":")[0].strip() for line in open("/proc/self/net/dev").readlines()[2:]]
for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_NETLINK):
    try:
        socket.socket(family)
        found[family.name] = "open"
    except OSError:
        found[family.name] = "closed"
hidden = ("/etc/filterd", "/var/lib/filterd", "/run/filterd")
found["seen"] = [place for place in hidden if os.access(place, os.R_OK | os.X_OK)]
places = ("/etc", "/var/lib", "/run", "/opt/filterd", "/dev/shm")
found["written"] = [place for place in places if os.access(place, os.W_OK)]
print(found)
"""
ASK_REACH = """
import socket
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect("/run/filterd/reader.sock")
    print(asking.makefile().read().strip())
"""
INSTEAD = """
mkdir /etc/systemd/system/filterd-reader@.service.d
printf '%s' "$1" > /opt/filterd/reach.py
printf '[Service]\\nExecStart=\\nExecStart=/opt/filterd/bin/python /opt/filterd/reach.py\\n' \
    > /etc/systemd/system/filterd-reader@.service.d/reach.conf
systemctl daemon-reload
"""


class Box(Protocol):
    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]": ...

    def says(self, *argv: str) -> str: ...

    def until(self, wanted: str, *argv: str) -> None: ...


def tables() -> Iterator[list[str]]:
    """The cells of every row of the page's tables."""
    for line in (ROOT / "docs/internals/roles.md").read_text().splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def requests_allowed() -> dict[tuple[str, str], set[str]]:
    rows = [row for row in tables() if len(row) == 3 and row[0] in DOORS]
    return {
        (door, request): set(askers.split(", ")) & set(ROLES)
        for door, askers, requests in rows
        for request in requests.split(", ")
    }


def paths_allowed() -> dict[str, dict[str, str]]:
    rows = [row for row in tables() if len(row) == 3 and row[0].startswith("/")]
    return {
        path: {role: "rw" if role in named(writers) else "r" if role in named(readers) else "" for role in ROLES}
        for paths, readers, writers in rows
        for path in paths.split(", ")
    }


def named(cell: str) -> set[str]:
    """The roles of a cell: their names, or one of the words that the page explains."""
    groups = {"all": ROLES, "roles": ROLES[:-2]}  # but reader and sealed
    return set(groups.get(cell, cell.split(", ")))


def test_each_role_may_do_what_its_table_says_and_nothing_else(box: Box, tmp_path: Path) -> None:
    box.says("bash", "-c", START)
    for unit in (*ROLE_UNITS, "filterd-radius", "filterd-archive", "filterd-siem"):
        box.until("active", "systemctl", "is-active", unit)
    paths, requests = paths_allowed(), requests_allowed()
    doors = [("control", "/run/filterd/control/control.sock", "control")]
    doors += [("splash", "/run/filterd/control-splash/control.sock", "control")]
    doors += [("radius", "/run/filterd/radius/radius.sock", "radius")]
    doors += [("archive", "/run/filterd/archive/archive.sock", "archive")]
    doors += [("reader", "/run/filterd/reader.sock", "reader")]
    doors += [("sealed", "/run/filterd/sealed.sock", "sealed")]
    doors += [("worker", f"/run/filterd/{role}-0/worker.sock", role) for role in ("dns", "gate")]
    assert len(paths) > 20 and len(requests) == 47

    wrong = []
    for role in ROLES:
        asked = [
            [door, path, owner, name]
            for door, path, owner in doors
            if owner != role
            for of, name in requests
            if of == door
        ]
        said = json.dumps({"paths": list(paths), "requests": asked})
        as_role = f"setpriv --reuid=filterd-{role} --regid=$(id -g filterd-{role}) --init-groups"
        found = json.loads(box.says("bash", "-c", f"echo '{said}' | {as_role} /opt/filterd/bin/python -c '{PROBE}'"))
        wrong += [
            f"{role} at {path}: {found[path]!r} and not {allowed[role]!r}"
            for path, allowed in paths.items()
            if found[path] != allowed[role]
        ]
        wrong += [
            f"{role} asks {door} {name}: {found[f'{door} {name}']}"
            for door, _, _, name in asked
            if found[f"{door} {name}"] != (role in requests[door, name])
        ]
    assert wrong == []


def test_lists_are_read_by_the_readers_account_and_its_unit_reaches_nothing(box: Box) -> None:
    box.says("bash", "-c", START)
    box.until("192.0.2.2", "dig", "+short", "+time=1", "+tries=1", "@127.0.0.1", "www.blocked.example")
    started = "journalctl -o cat | grep -c '^Started filterd-reader@'"
    assert int(box.says("bash", "-c", started)) >= 1
    box.until("compiling", "bash", "-c", "journalctl -u filterd-control | grep -m1 -o compiling")
    box.says("bash", "-c", "sleep 5; ! journalctl -u filterd-control | grep -e 'lists are read without' -e 'no reader'")

    box.says("bash", "-c", INSTEAD, "instead", REACH)
    as_control = "setpriv --reuid=filterd-control --regid=filterd-desk --init-groups"
    found = ast.literal_eval(box.says("bash", "-c", f"{as_control} /opt/filterd/bin/python -c '{ASK_REACH}'"))

    own_group = int(box.says("id", "-g", "filterd-reader"))
    assert found == {
        "account": "filterd-reader",
        "groups": [own_group],
        "capabilities": 0,
        "links": ["lo"],
        "AF_INET": "closed",
        "AF_UNIX": "closed",
        "AF_NETLINK": "closed",
        "seen": [],
        "written": [],
    }


def test_a_list_waits_while_no_reader_can_be_had_and_no_other_process_reads_it(box: Box) -> None:
    ask = ("dig", "+short", "+time=1", "+tries=1", "@127.0.0.1")
    box.says("bash", "-c", START)
    box.until("192.0.2.2", *ask, "www.blocked.example")
    box.says("bash", "-c", "systemctl stop filterd-reader.socket && touch /run/filterd/reader.sock")
    box.says("bash", "-c", "chmod 666 /run/filterd/reader.sock && echo later.example >> /etc/filterd/lists/today.txt")

    said = (
        "journalctl -u filterd-control | grep -m1 -o 'reader.sock: no reader (Connection refused); its version waits'"
    )
    box.until("reader.sock: no reader (Connection refused); its version waits", "bash", "-c", said)
    patiently = ("dig", "+short", "+time=20", *ask[3:])  # one query, to which a busy machine may answer late
    assert box.says(*patiently, "www.blocked.example") == "192.0.2.2"
    assert "192.0.2.2" not in box.run(*ask, "later.example").stdout

    box.says("bash", "-c", "rm /run/filterd/reader.sock && systemctl start filterd-reader.socket")
    box.until("192.0.2.2", *ask, "later.example")


def test_no_role_can_take_the_place_of_another_before_it_starts(box: Box) -> None:
    start = (
        "systemctl start filterd-dns@0 && systemctl start --no-block filterd-web"  # which waits for control's database
    )
    box.says("bash", "-c", START.replace("systemctl start filterd.target filterd-radius filterd-siem", start))

    tries = """
    for place in /run/filterd/control /run/filterd/control-splash/control.sock /run/filterd/gate-0 \\
        /var/lib/filterd/spool/gate-0 /var/lib/filterd/keys /var/lib/filterd/image-key/key; do
        setpriv --reuid=$1 --regid=$(id -g $1) --init-groups mkdir "$place" 2>/dev/null && echo "$1 made $place"
        setpriv --reuid=$1 --regid=$(id -g $1) --init-groups ln -s /etc "$place" 2>/dev/null && echo "$1 linked $place"
    done
    true
    """
    for account in (
        "filterd-dns",
        "filterd-web",
        "filterd-gate",
        "filterd-splash",
        "filterd-metrics",
        "filterd-radius",
        "filterd-archive",
        "filterd-siem",
        "filterd-reader",
        "filterd-sealed",
    ):
        assert box.says("bash", "-c", tries, "try", account) == ""
