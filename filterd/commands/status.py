"""`filterd status`: show roles, generations, ages, counters and last refusals of the daemon on this box."""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from filterd.box.errors import MissingPart
from filterd.box.places import CONTROL, control_socket, role_of, worker_sockets
from filterd.commands.run import CONFIG_FILE, found_for
from filterd.config.family import has_own_door
from filterd.process.box_state import config_state, role_states
from filterd.process.json_socket import NoAnswer, ask_blocking, cure_of
from filterd.process.readiness import unfit

CUT_BY = {  # see filterd.kernel.cut.Means
    "quic": "connections over QUIC alone: with asymmetric routing net.netfilter.nf_conntrack_tcp_loose has to be 1",
    "lines": "all judged connections of its line, and an order none: this kernel keeps no labels of connections",
}
EXAMPLE = "filterd status --config /etc/filterd/filterd.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    parser.add_argument("--json", action="store_true", help="one object with everything")


def run(args: argparse.Namespace) -> int:
    in_force = found_for(args.config)
    found, cure = _ask(in_force.config.run_dir)
    if not found["ok"] and not found["workers"]:
        raise MissingPart(f"control: {found['error']}; nothing is known; {cure}")
    found["configuration"] = msgspec.to_builtins(config_state(in_force))
    found["roles"] = msgspec.to_builtins(role_states(in_force.config))
    if args.json:
        print(json.dumps(found))
    else:
        _print(found)
        knows_kinds = "database" not in found.get("faults", {})  # while control waits for it, it knows of none
        if knows_kinds and has_own_door(in_force.config.family) and "adult" not in found.get("kinds", ["adult"]):
            print("families: no list in force holds adult sites; they are offered no rules by age; see lists above")
    return 1 if not found["ok"] or list(_faults(found)) else 0


def _ask(run_dir: Path) -> tuple[dict[str, Any], str]:
    """What control says, else the workers themselves; and what to do where it is missing."""
    try:
        found = ask_blocking(control_socket(run_dir), CONTROL, {"op": "status"})
    except NoAnswer as reason:
        return {"ok": False, "error": str(reason), "workers": _workers(run_dir)}, cure_of(reason)
    return found if found["ok"] else {**found, "workers": _workers(run_dir)}, "see its journal"


def _workers(run_dir: Path) -> list[dict[str, Any]]:
    """The workers' own status, for when control does not answer."""
    found = []
    for name, path in worker_sockets(run_dir).items():
        try:
            found.append(ask_blocking(path, role_of(name), {"op": "status"}))
        except NoAnswer as reason:
            found.append({"name": name, "refused": str(reason)})
    return found


def _faults(found: dict[str, Any]) -> Iterator[str]:
    """No matter what is wrong, a line each."""
    yield from unfit(found["workers"])
    yield from _refusals(found)
    yield from _of_configuration(found)
    yield from _of_roles(found)


def _refusals(found: dict[str, Any]) -> list[str]:
    said = [f"worker {worker['name']}: {worker['refused']}" for worker in found["workers"] if worker.get("refused")]
    return [*said, *(f"control: {fault}" for fault in found.get("faults", {}).values())]


def _of_configuration(found: dict[str, Any]) -> list[str]:
    """How the operator's file differs from what is in force."""
    said = found["configuration"]
    if not said["differs"]:
        return []
    if said["fault"]:
        return [
            f"configuration: the file is not in force, it has a fault; what was accepted before is: {said['fault']}"
        ]
    return [f"configuration: {said['file']} is not what is in force; take it in with: filterd reload"]


def _of_roles(found: dict[str, Any]) -> list[str]:
    said = []
    for role in found["roles"]:
        if role["fault"]:
            said.append(f"role {role['name']}: does not work: {role['fault']}; it is tried again")
        elif not role["is_running"]:
            said.append(f"role {role['name']}: not running, process {role['pid']} has ended; look at the journal")
        elif role["restart"]:
            said.append(f"role {role['name']}: restart it to put in force: {', '.join(role['restart'])}")
    return said


def _print(found: dict[str, Any]) -> None:
    if not found["ok"]:
        print(f"control: {found['error']}; workers continue with the last images")
    for kind, (base, delta) in found.get("generations", {}).items():
        age_s = found["ages_s"].get(kind)
        print(f"images {kind}: generation {base}/{delta}" + (f", {age_s:.0f} s old" if age_s is not None else ""))
    for each in found.get("levels", []):
        print(_level(each))
    for each in found.get("lists", []):
        print(f"list {each['id']}: {each['rules']} rules, {each['skipped']} lines not enforced")
    for list_id, channels in found.get("shadowed", {}).items():
        print(f"list {list_id}: not enforced, would have blocked {_by_channel(channels)}")
    for list_id, channels in found.get("ways_around", {}).items():
        print(f"list {list_id}: circumvention attempts seen by the gate: {_by_channel(channels)}")
    for each in found.get("rpz", {}).get("zones", []):
        left_out = sum(each["unpublished"].values())
        print(f"zone {each['zone']}: serial {each['serial']}, {each['records']} records, {left_out} left out")
    if found.get("rpz"):
        print(f"zones: {found['rpz']['refused']} requests refused")
    if found.get("unjudged"):
        why = "no worker, full queue, or still waiting"
        print(f"gate: {found['unjudged']} packets without a verdict: {why}")
    if (told := CUT_BY.get(found.get("cut", ""))) is not None:
        print(f"gate: a tightened rule ends {told}")
    if found.get("connections_cut"):
        print(f"gate: {found['connections_cut']} connections ended by tightened rules, orders and soft hours")
    if found.get("splash_probes"):
        print(f"splash: {found['splash_probes']} questions beyond what one client may ask: someone tries names")
    for name, stream in found.get("siem", {}).items():
        print(_sending(name, stream))
    for worker in found["workers"]:
        shown = " ".join(f"{name}={value}" for name, value in worker.get("counters", {}).items() if value)
        begun = f"pid {worker.get('pid', '-')} start {worker.get('starts', '-')}"
        print(f"worker {worker['name']}: {begun} names {_names(worker)} {shown}")
        for upstream, is_up in worker.get("upstreams", {}).items():
            print(f"  upstream {upstream}: {'answers' if is_up else 'does not answer; probed until it does'}")
    classes = _classes(found["workers"])
    if classes:
        print("TLS hellos by software class: " + " ".join(f"{name}={n}" for name, n in classes.items()))
    for line in found.get("legal_holds", []):
        print(f"records stay: {line}")
    for line in _faults(found):
        print(line)


def _sending(name: str, stream: dict[str, Any]) -> str:
    said = f"siem {name}: {stream['sent']} sent, {stream['waiting']} waiting"
    said += f", the oldest for {stream['oldest_s']:.0f} s" if stream["waiting"] else ""
    said += f", {stream['gone']} destroyed by age before they were sent" if stream["gone"] else ""
    return said + (f"; {stream['fault']}; it is tried again" if stream["fault"] else "")


def _level(each: dict[str, Any]) -> str:
    rows = "" if each["rows"] is None else f"{each['rows']} rows that are not below it, "
    age_s = max(0.0, time.time() - each["written_s"])
    return f"level {each['kind']} {each['level']}: {rows}{each['octets'] / 1e6:.2f} MB, {age_s:.0f} s old"


def _by_channel(counts: dict[str, int]) -> str:
    return " ".join(f"{channel}={n}" for channel, n in counts.items()) or "nothing yet"


def _classes(workers: list[dict[str, Any]]) -> dict[str, int]:
    """Hellos by software class, summed over all workers."""
    total: Counter[str] = Counter()
    for worker in workers:
        total.update(worker.get("ja4_classes", {}))
    return dict(total)


def _names(worker: dict[str, Any]) -> str:
    return "/".join(map(str, worker.get("generations", {}).get("names", ("none",))))
