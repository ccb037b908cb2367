"""One look at the box: what control says of itself and the workers, what the counter files hold, when certificates end.

Invariants: what does not answer is left out, and the rest is shown all the same: counters without control, all
of it without web; neither database nor spool nor a worker's socket is opened here.
Cost: one request to control; counter files of 40 KiB.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from msgspec import Struct

from fastpath.report.counters import read_counters
from filterd.box.places import counters_files, role_of
from filterd.commands.roles.exporter.ready import ask_control, unfit
from filterd.config import Config
from filterd.config.accepted import differs, in_force
from filterd.process.codec import Message

CONTROL_S = 5.0  # half of what Prometheus waits for us; control itself waits longer for a worker that hangs
ROLES = ("dns", "gate", "radius")
STREAMS = "-tcp"  # the counters of a worker's streams have its name with this ending


class Look(Struct, frozen=True, kw_only=True):
    """What was seen.

    control    its status, as `filterd status --json` has it; None: it does not answer
    workers    what each says of itself;   counters  of each, loop and streams together
    unfit      why the data plane cannot serve, a sentence each; empty: it can
    certificates  key of the configuration → when its certificate ends, unix seconds"""

    at_s: float
    control: Message | None
    workers: list[Message]
    counters: Mapping[str, Mapping[str, int]]
    unfit: list[str]
    is_other_file: bool
    certificates: Mapping[str, float]


async def look(config: Config, source: Path) -> Look:
    """See the box now.   source: the operator's file"""
    control = await ask_control(config, CONTROL_S)
    workers = control["workers"] if control else []
    counters, is_other, certificates = await asyncio.to_thread(_read, config, source)
    said = await asyncio.to_thread(unfit, config, control)
    return Look(
        at_s=time.time(),
        control=control,
        workers=workers,
        counters=counters,
        unfit=[each for why in said.values() for each in why],
        is_other_file=is_other,
        certificates=certificates,
    )


def _read(config: Config, source: Path) -> tuple[dict[str, dict[str, int]], bool, dict[str, float]]:
    return counters_of(config.run_dir), _is_other(source), ends_of_certificates(config)


def counters_of(run_dir: Path) -> dict[str, dict[str, int]]:
    """Worker → its counters.   A file that is no counters file, or that may not be read, is left out."""
    total: dict[str, dict[str, int]] = {}
    for path in (path for path in counters_files(run_dir) if role_of(path.name) in ROLES):
        with contextlib.suppress(OSError, ValueError):
            found = read_counters(path)
            before = total.setdefault(path.name.removesuffix(STREAMS), {})
            for name, value in found.items():
                before[name] = before.get(name, 0) + value
    return total


def ends_of_certificates(config: Config) -> dict[str, float]:
    """Key of the configuration → when its certificate ends; those that cannot be read are left out."""
    files = {"/api/certificate": config.api.certificate, "/dns/tls/certificate": config.dns.tls.certificate}
    found = {}
    for key, path in files.items():
        if path is not None:
            with contextlib.suppress(OSError, ValueError):
                found[key] = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.timestamp()
    return found


def _is_other(source: Path) -> bool:
    try:
        found = in_force(source)
    except (OSError, ValueError):
        return True
    return differs(found.source, found.digest)
