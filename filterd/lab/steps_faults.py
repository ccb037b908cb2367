"""The demo's steps about faults: control is killed, an image is corrupted, everything ends."""

import json
import time
from pathlib import Path
from typing import Any

from filterd.lab.api_desk import RequestRefusal
from filterd.lab.stage import Stage, must, must_become
from filterd.lab.steps_people import push_name, withdraw_name

BACK_S = 15.0  # control reads the base and the database again


def kill_control(stage: Stage) -> str:
    """Clients go on asking all the while; the workers must be the same processes afterwards."""
    before = stage.gateway.pids()
    began = time.monotonic()
    killed = stage.gateway.kill("control-0")
    n_asked = 0

    def is_back() -> bool:
        nonlocal n_asked
        _must_filter(stage)
        n_asked += 1
        if stage.gateway.pids().get("control-0", killed) == killed:
            return False
        try:
            return bool(stage.desks["operator"].get("/v1/status")["control"]["ok"])
        except RequestRefusal:
            return False

    took_s = must_become(is_back, "control to be back", began, BACK_S)
    after = stage.gateway.pids()
    same = {role for role in before if before[role] == after.get(role)}
    must(same >= set(before) - {"control-0"}, "every other process untouched", f"{before} then {after}")
    told = push_name(stage, "third.test", "PTA-DEMO-2")
    withdraw_name(stage, "third.test", "PTA-DEMO-2")
    processes = f"process {killed}, then {after['control-0']}"
    return (
        f"back after {took_s:.2f} s ({processes}); blocked and open as before, {n_asked} times asked meanwhile\n"
        f"its next order: {told}"
    )


def refuse_corrupted_image(stage: Stage) -> str:
    """A copy of the image in force with one octet turned round, offered to every worker."""
    manifest = stage.gateway.read_manifest()
    offered = _corrupt_copy(stage.gateway.folder.state / "images", manifest)
    said = []
    for name in stage.gateway.workers():
        before = stage.gateway.ask_worker(name, {"op": "status"})["generations"]
        reply = stage.gateway.ask_worker(name, {"op": "use", "manifest": offered.name})
        after = stage.gateway.ask_worker(name, {"op": "status"})["generations"]
        must(not reply["ok"] and bool(reply.get("refused")), f"worker {name} to refuse", reply)
        must(before == after, f"worker {name} to stay with {before}", after)
        said.append(f"{name}: {reply['refused']}")
    _must_filter(stage)
    return "\n".join(said)


def stop_filterd(stage: Stage) -> str:
    began = time.monotonic()
    code = stage.gateway.stop()
    must(code == 0, "exit code 0", code)
    must(not stage.gateway.pids(), "no process left", stage.gateway.pids())
    return f"exit code 0 after {time.monotonic() - began:.2f} s"


def _must_filter(stage: Stage) -> None:
    must(stage.is_blocked_in_dns("listed.test"), "listed.test blocked in DNS", "it is not")
    must(stage.is_open_in_dns("allowed.test"), "allowed.test open in DNS", "it is not")
    if stage.has_packets:
        seen = stage.fetch("listed.test")
        must(seen.was_reset, "listed.test reset in TLS", seen)


def _corrupt_copy(images: Path, manifest: dict[str, Any]) -> Path:
    good = images / manifest["names"]["base"]
    octets = bytearray(good.read_bytes())
    octets[len(octets) // 2] ^= 0xFF
    bad = images / f"{good.stem}-corrupted.img"
    bad.write_bytes(octets)
    offered = images / "corrupted.json"
    names = manifest["names"] | {"base": bad.name}
    offered.write_text(json.dumps(manifest | {"names": names}))
    return offered
