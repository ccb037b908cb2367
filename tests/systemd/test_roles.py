"""Every role as its own account, against every socket, folder and key: it finds what docs/roles.md allows, no more."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
ROLES = ("control", "dns", "gate", "web", "splash", "metrics")
START = """
install -m 644 /opt/filterd/source/systemd/filterd.tmpfiles /usr/lib/tmpfiles.d/filterd.conf
systemd-tmpfiles --create filterd.conf
chgrp filterd /etc/filterd/filterd.yaml && chmod 640 /etc/filterd/filterd.yaml
systemctl start filterd.target
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
        reply = ask_blocking(Path(path), role, {"op": request, "list": "orders-of-today"}, 30.0)
        found[f"{door} {request}"] = "may not ask" not in reply.get("error", "")
    except NoAnswer as reason:
        found[f"{door} {request}"] = "reply" in str(reason)
print(json.dumps(found))
"""


class Box(Protocol):
    def says(self, *argv: str) -> str: ...

    def until(self, wanted: str, *argv: str) -> None: ...


def tables() -> Iterator[list[str]]:
    """The cells of every row of the page's tables."""
    for line in (ROOT / "docs/roles.md").read_text().splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def requests_allowed() -> dict[tuple[str, str], set[str]]:
    rows = [row for row in tables() if len(row) == 3 and row[0] in ("control", "splash", "worker")]
    return {(door, request): set(filter(None, re.split(r", *", roles))) for door, request, roles in rows}


def paths_allowed() -> dict[str, dict[str, str]]:
    rows = [row for row in tables() if len(row) == 1 + len(ROLES) and row[0].startswith("/")]
    return {row[0]: dict(zip(ROLES, row[1:], strict=True)) for row in rows}


def test_each_role_may_do_what_its_table_says_and_nothing_else(box: Box, tmp_path: Path) -> None:
    box.says("bash", "-c", START)
    for unit in (
        "filterd-dns@0",
        "filterd-gate@0",
        "filterd-control",
        "filterd-web",
        "filterd-splash",
        "filterd-metrics",
    ):
        box.until("active", "systemctl", "is-active", unit)
    paths, requests = paths_allowed(), requests_allowed()
    doors = [("control", "/run/filterd/control/control.sock", "control")]
    doors += [("splash", "/run/filterd/control-splash/control.sock", "control")]
    doors += [("worker", f"/run/filterd/{role}-0/worker.sock", role) for role in ("dns", "gate")]
    assert len(paths) > 20 and len(requests) == 13

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


def test_no_role_can_take_the_place_of_another_before_it_starts(box: Box) -> None:
    box.says("bash", "-c", START.replace("systemctl start filterd.target", "systemctl start filterd-dns@0 filterd-web"))

    tries = """
    for place in /run/filterd/control /run/filterd/control-splash/control.sock /run/filterd/gate-0 \\
        /var/lib/filterd/spool/gate-0 /var/lib/filterd/keys /var/lib/filterd/image-key/key; do
        setpriv --reuid=$1 --regid=$(id -g $1) --init-groups mkdir "$place" 2>/dev/null && echo "$1 made $place"
        setpriv --reuid=$1 --regid=$(id -g $1) --init-groups ln -s /etc "$place" 2>/dev/null && echo "$1 linked $place"
    done
    true
    """
    for account in ("filterd-dns", "filterd-web", "filterd-gate", "filterd-splash", "filterd-metrics"):
        assert box.says("bash", "-c", tries, "try", account) == ""
