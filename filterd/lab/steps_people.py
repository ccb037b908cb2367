"""The demo's steps about people: the regulator's orders, the parent's pause and schedule, the auditor's records."""

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from filterd.lab.clients import Download
from filterd.lab.stage import CHILD, FILTERED, LIMIT_S, Stage, must, must_become
from mgmt.registers.records.block_ledger import HOUSEHOLD

ZONE = ZoneInfo("Asia/Karachi")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SILENCE_S = 1.5  # the lab's server never pauses so long between two packets
LEAD_S = 6.0  # from setting a schedule to its minute: two downloads have to be running by then
RECORDS_S = 5.0  # from a block to its record
CHILDS = (("child", 4), ("child", 6))


def push_order(stage: Stage) -> str:
    must(_is_open(stage, "order.test"), "order.test open before", "it is not")
    return push_name(stage, "order.test", "PTA-DEMO-1")


def withdraw_order(stage: Stage) -> str:
    return withdraw_name(stage, "order.test", "PTA-DEMO-1")


def pause_child(stage: Stage) -> str:
    if not stage.has_packets:
        return _lock_in_dns(stage, "pause")
    with stage.downloads(*CHILDS, ("adult", 4)) as (child4, child6, adult):
        tap_s = time.time()
        receipt = stage.desks["parent"].post(f"/v1/subscribers/{CHILD}/pause", {"minutes": None})["receipt"]
        told = _see_stop((child4, child6), adult, tap_s)
        _see_lock(stage, "pause")
    return f"{told}; in force {receipt['ms']} ms after the request, {receipt['connections_ended']} connections ended"


def resume_child(stage: Stage) -> str:
    began = time.monotonic()
    stage.desks["parent"].post(f"/v1/subscribers/{CHILD}/resume", {})
    took_s = must_become(lambda: _is_open(stage, "allowed.test"), "allowed.test open again for the child", began)
    return f"open {took_s:.2f} s after the tap"


def close_by_schedule(stage: Stage) -> str:
    minute = (datetime.now(UTC) + timedelta(seconds=LEAD_S + 60)).replace(second=0, microsecond=0).astimezone(ZONE)
    closed = {"day": DAYS[minute.weekday()], "from": f"{minute:%H:%M}", "to": f"{minute + timedelta(minutes=30):%H:%M}"}
    said = stage.desks["parent"].put(f"/v1/subscribers/{CHILD}/schedule", {"closed": [closed]})
    wait_s = minute.timestamp() - time.time()
    stage.teller.say(f"{said['sentence']}: waiting {wait_s:.0f} s for {minute:%H:%M} in Karachi")
    if not stage.has_packets:
        return _close_in_dns(stage, minute)
    with stage.downloads(*CHILDS, ("adult", 4)) as (child4, child6, adult):
        time.sleep(max(0.0, minute.timestamp() - time.time()))
        told = _see_stop((child4, child6), adult, minute.timestamp())
        _see_lock(stage, "schedule")
    stage.desks["parent"].put(f"/v1/subscribers/{CHILD}/schedule", {"closed": []})
    return told


def pull_records(stage: Stage) -> str:
    since = datetime.fromtimestamp(int(stage.began_s), UTC).isoformat().replace("+00:00", "Z")
    auditor, due = stage.desks["auditor"], {kind for kind in stage.seen if kind[1] not in HOUSEHOLD}
    began = time.monotonic()
    records = []

    def are_exact() -> bool:
        nonlocal records
        records = [json.loads(line) for line in auditor.ask("GET", f"/v1/audit/blocks?since={since}").splitlines()]
        return _kinds(records) == due or time.monotonic() - began > RECORDS_S

    took_s = must_become(are_exact, "an answer", began, RECORDS_S + 5)
    found = _kinds(records)
    must(due <= found, "a record of every block", f"none of {sorted(due - found)}")
    must(found <= due, "no record of anything else", sorted(found - due))
    allowed = [record for record in records if "allowed" in json.dumps(record)]
    must(not allowed, "no record of an allowed name", allowed)

    def are_rows_too() -> bool:  # blocks of a moment ago may still come between two pulls
        are_exact()
        rows = csv.DictReader(io.StringIO(auditor.ask("GET", f"/v1/audit/blocks?since={since}&format=csv")))
        return len(list(rows)) == len(records)

    must_become(are_rows_too, "as many rows as CSV", time.monotonic(), RECORDS_S)
    n_blocks = sum(int(record["count"]) for record in records)
    return f"{len(records)} records of {n_blocks} blocks, {len(found)} kinds, whole after {took_s:.2f} s; as CSV, too"


def push_name(stage: Stage, name: str, ref: str) -> str:
    """The regulator orders a name; measured from the request to what clients meet."""
    order = {"issuer": "PTA", "ref": ref, "ground": "section 37", "entries": [{"value": name, "scope": "subtree"}]}
    began = time.monotonic()
    receipt = stage.desks["regulator"].post("/v1/orders?wait=15", order)["receipt"]
    in_dns_s = must_become(lambda: stage.is_blocked_in_dns(name), f"{name} blocked in DNS", began)
    stage.note("dns", "order", name)
    told = f"in DNS {in_dns_s:.2f} s after the push"
    if stage.has_packets:
        in_sni_s = must_become(lambda: stage.fetch(name).was_reset, f"{name} reset in TLS", began)
        stage.note("sni", "order", name)
        told += f", in TLS {in_sni_s:.2f} s"
    return f"{told}; every worker served it after {receipt['ms']} ms"


def withdraw_name(stage: Stage, name: str, ref: str) -> str:
    """The regulator withdraws an order; measured as `push_name`."""
    began = time.monotonic()
    stage.desks["regulator"].post(f"/v1/orders/{ref}/withdraw?issuer=PTA", {"reason": "the ground has gone"})
    took_s = must_become(lambda: _is_open(stage, name), f"{name} open again", began)
    return f"open {took_s:.2f} s after the request"


# ----------------------------------------------------------------------------------------------------------------------


def _is_open(stage: Stage, name: str) -> bool:
    return stage.is_open_in_dns(name) and (not stage.has_packets or stage.fetch(name).code == 200)


def _is_locked(stage: Stage) -> bool:
    return stage.is_blocked_in_dns("allowed.test", FILTERED)


def _see_stop(childs: tuple[Download, ...], adult: Download, since_s: float) -> str:
    """Every download of the child ends within LIMIT_S of `since_s`, and not before; the adult's goes on."""
    adult_before = adult.received()
    after_s = [download.wait_for_stop(SILENCE_S) - since_s for download in childs]
    must(max(after_s) <= LIMIT_S, f"the child's last octet within {LIMIT_S:g} s", after_s)
    must(min(after_s) > -SILENCE_S, "the child's downloads to run until then", after_s)
    adult.wait_for(1_000_000)
    received = [download.received() for download in childs]
    time.sleep(0.5)
    must([download.received() for download in childs] == received, "not one octet more for the child", received)
    shown = ", ".join(f"IPv{family} {seconds:+.3f} s" for family, seconds in zip((4, 6), after_s, strict=True))
    return f"last octets of the child: {shown}; the adult received {adult.received() - adult_before:,} more"


def _see_lock(stage: Stage, reason: str) -> None:
    """Nothing new begins, either; DNS says so for a short time only."""
    must_become(lambda: _is_locked(stage), "the splash address for the child", time.monotonic())
    stage.note("dns", reason, "")
    must(stage.is_open_in_dns("allowed.test", "adult"), "allowed.test open for the adult", "it is not")
    if stage.has_packets:
        for family in (4, 6):
            seen = stage.fetch("allowed.test", "https", family)
            must(seen.code == 0, f"no page for the child over IPv{family}", seen)


def _lock_in_dns(stage: Stage, reason: str) -> str:
    began = time.monotonic()
    stage.desks["parent"].post(f"/v1/subscribers/{CHILD}/pause", {"minutes": None})
    took_s = must_become(lambda: _is_locked(stage), "the child locked in DNS", began)
    _see_lock(stage, reason)
    return f"locked in DNS {took_s:.2f} s after the tap"


def _close_in_dns(stage: Stage, minute: datetime) -> str:
    time.sleep(max(0.0, minute.timestamp() - time.time() - 1))
    must(stage.is_open_in_dns("allowed.test"), "allowed.test open a second before", stage.ask("allowed.test"))
    time.sleep(max(0.0, minute.timestamp() - time.time()))
    took_s = must_become(lambda: _is_locked(stage), "the child locked in DNS", time.monotonic())
    _see_lock(stage, "schedule")
    stage.desks["parent"].put(f"/v1/subscribers/{CHILD}/schedule", {"closed": []})
    return f"locked in DNS {took_s:.2f} s after the minute"


def _kinds(records: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {(record["channel"], record["reason"], record["rule"] or "") for record in records}
