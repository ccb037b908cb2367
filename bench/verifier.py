"""The verifier and the confirmation, in the lab: what a person of the desk waits for after an order is in force.

verifier_s        100 names asked over DNS (UDP and TCP), TLS, QUIC and HTTP, IPv4 and IPv6, with their neighbours, and
                  judged; in seconds, its processes' start included.   Goal: ≤ 5
confirmed_s       from the end of that to the signed confirmation over the API; in seconds.   Goal: both ≤ 10
Needs root.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from filterd.lab.gateway import Folder, Gateway, filterd_command, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import start_servers
from filterd.lab.topology import lab, why_not

N_NAMES = 100
PATIENCE_S = 300.0
ORDER = ("--issuer", "PTA")


def figures() -> dict[str, float]:
    """The figures; see the head of this file; none where no lab can be made."""
    reason = why_not()
    if reason is not None:
        print(f"verifier: {reason}", file=sys.stderr)
        return {}
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder) / "lab") as place:
        start_servers(place)
        gateway = Gateway(place, Folder(Path(folder)))
        write_orders(gateway.folder.orders, 100)
        write_configuration(gateway, 1)
        gateway.start()
        try:
            return _measured(gateway)
        finally:
            gateway.stop()


def _measured(gateway: Gateway) -> dict[str, float]:
    names = [f"n{n}.many.test" for n in range(N_NAMES)]
    wait_until(lambda: _says(gateway, "push", "--ref", "1", "--ground", "g", *names), "the order", PATIENCE_S)
    verify = filterd_command("orders", "verify", "--json", "--config", str(gateway.folder.configuration), *ORDER, "1")
    done = gateway.place.run("gateway", verify, timeout_s=PATIENCE_S)
    found = json.loads(done.stdout)
    if found["state"] != "verified":
        raise AssertionError(f"{found['state']}: {found['not_here'][:3]}")
    began = time.monotonic()
    wait_until(lambda: _says(gateway, "confirm", "1", "--format", "json"), "the confirmation", PATIENCE_S)
    return {"verifier_s": found["took_ms"] / 1000, "confirmed_s": time.monotonic() - began}


def _says(gateway: Gateway, *arguments: str) -> bool:
    """Whether `filterd orders` is answered over the API, and an order is in force."""
    command = filterd_command("orders", *arguments, *ORDER, "--api", gateway.place.addresses.api)
    try:
        token = gateway.make_token("operator")
    except RuntimeError:  # control has not made the tables yet
        return False
    return gateway.place.run("gateway", ["env", f"FILTERD_TOKEN={token}", *command]).returncode == 0
