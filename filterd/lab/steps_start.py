"""The demo's first steps: a list, a daemon that has it in force, people and their tokens."""

import json
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from filterd.config import load
from filterd.lab.addresses import ADULT_PREFIX6, CHILD_PREFIX6
from filterd.lab.api_desk import Desk, RequestRefusal
from filterd.lab.gateway import filterd_command, write_configuration, write_orders
from filterd.lab.seed.families import FAMILIES
from filterd.lab.seed.life import fill
from filterd.lab.seed.month import N_DAYS
from filterd.lab.seed.orders import LIST_LETTERS
from filterd.lab.seed.staff import DESK, ISSUERS
from filterd.lab.stage import ADULT, CHILD, Stage, must, must_become

LIVE_S = 180.0  # 1.1 million names from nothing to in force: some 15 s, and more where the box has other things to do


def write_list(stage: Stage) -> str:
    folder = stage.gateway.folder
    stage.listed = write_orders(folder.orders)
    write_configuration(stage.gateway, int(stage.has_packets))
    size = folder.orders.stat().st_size
    return f"{folder.orders}: {size / 1e6:.1f} MB; its first, middle and last names are asked for below"


def compile_list(stage: Stage) -> str:
    """By the command, with its progress bar on a terminal; the daemon does the same for itself in the next step."""
    folder = stage.gateway.folder
    source = f"{folder.orders},tier=order,list=pta,match=subtree"
    if sys.stderr.isatty():
        stage.teller.say("")
    argv = filterd_command("compile", source, "-o", str(folder.root / "compiled"))
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True)  # stderr is ours: a terminal gets the progress bar
    must(done.returncode == 0, "exit code 0 of filterd compile", done.returncode)
    # the counts; single lines that are not enforced are named with more indent
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(" " * 6))


def fill_month(stage: Stage) -> str:
    """Before filterd starts, so that it starts from life; no one else has the database yet."""
    stage.filled = fill(load(stage.gateway.folder.configuration), datetime.now(UTC))
    told = (
        f"{stage.filled.n_letters} letters of {' and '.join(ISSUERS)}, {len(FAMILIES)} families, {len(DESK)} of staff"
    )
    return f"{told}: {stage.filled.n_changes} changes of {N_DAYS} days"


def start_filterd(stage: Stage) -> str:
    began = time.monotonic()
    stage.gateway.start()
    name = stage.listed[-1]

    def is_live() -> bool:
        program = stage.gateway.program
        must(program is not None and program.poll() is None, "filterd to run", "it has ended")
        return stage.is_blocked_in_dns(name)

    took_s = must_become(is_live, f"the list's last name, {name}, to be blocked", began, LIVE_S, 0.2)
    stage.note("dns", "order", name)
    generations = {kind: pair["base"] for kind, pair in stage.gateway.read_manifest().items() if isinstance(pair, dict)}
    pids = ", ".join(f"{role} {pid}" for role, pid in sorted(stage.gateway.pids().items()))
    return f"from the start to a blocked answer {took_s:.2f} s; in force: {generations}; processes: {pids}"


def make_people(stage: Stage) -> str:
    """Subscribers by the operator; then one token of each role, the parent's for the child's line."""
    at, gateway = stage.place.addresses, stage.gateway
    tokens = {role: gateway.make_token(role) for role in ("operator", "auditor")}
    tokens["regulator"] = gateway.make_token("regulator", "--issuer", "PTA")
    operator = stage.desks["operator"] = Desk(stage.place, tokens["operator"])
    must_become(operator.is_up, "the API to answer", time.monotonic(), 15.0)
    six = {CHILD: [CHILD_PREFIX6], ADULT: [ADULT_PREFIX6]} if stage.has_packets else {CHILD: [], ADULT: []}
    child = {"label": "child", "prefixes": [at.child4, *six[CHILD]], "categories": ["adult"]}
    receipt = operator.put(f"/v1/subscribers/{CHILD}", child)["receipt"]
    operator.put(f"/v1/subscribers/{ADULT}", {"label": "adult", "prefixes": [at.adult4, *six[ADULT]], "categories": []})
    tokens["parent"] = gateway.make_token("parent", "--subscriber", str(CHILD))
    for role, token in tokens.items():
        stage.desks[role] = Desk(stage.place, token)
        stage.teller.say(f"token {role:9} {token}")
    return f"API at {at.api}; a subscriber was in force {receipt['ms']} ms after the request"


def look_back(stage: Stage) -> str:
    """What the month's own people see of it over the API."""
    compliance, auditor = (Desk(stage.place, stage.filled.tokens[who]) for who in ("compliance", "auditor"))
    pushed = [order for order in compliance.get("/v1/orders")["orders"] if order["ref"] not in LIST_LETTERS]
    states = Counter(order["state"] for order in pushed[: stage.filled.n_letters])
    must(
        {"enforced", "partly_enforced", "withdrawn"} == states.keys(), "orders in force, partly, and withdrawn", states
    )
    reports = compliance.get("/v1/reports")["reports"]
    must(any(report["outcome"] is None for report in reports), "a report that waits", reports)
    since = (datetime.now(UTC) - timedelta(days=N_DAYS + 1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    records = [json.loads(line) for line in auditor.ask("GET", f"/v1/audit/blocks?since={since}").splitlines()]
    n_blocks = sum(int(record["count"]) for record in records)
    n_days = len({record["time"][:10] for record in records})
    must(n_days >= N_DAYS - 3, "blocks of every day", n_days)
    return f"orders {dict(states)}, {len(reports)} reports of wrong blocks, {n_blocks} blocks of {n_days} days"


def refuse_wrong_token(stage: Stage) -> str:
    said = []
    for desk, path in ((Desk(stage.place, "wrong"), "/v1/status"), (stage.desks["parent"], f"/v1/subscribers/{ADULT}")):
        try:
            desk.get(path)
        except RequestRefusal as refusal:
            said.append(str(refusal).split()[2])
    must(said == ["401", "403"], "401 for a wrong token and 403 for another's line", said)
    return ""
