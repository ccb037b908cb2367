"""What the processes of this box tell without being asked: their locks, held against the configuration in force.

Invariants: it needs no process that answers, so that it tells most where least runs.
"""

from msgspec import Struct

from filterd.config import BadConfig, Config, load
from filterd.config.accepted import InForce, differs
from filterd.config.changes import outdated
from filterd.process.instance import instances


class RoleState(Struct, frozen=True, kw_only=True):
    """One role's process.   fault: why it cannot do its work;   restart: keys that are in force once it is restarted"""

    name: str
    pid: int
    is_running: bool
    fault: str | None
    restart: list[str]


class ConfigState(Struct, frozen=True, kw_only=True):
    """The configuration in force, and the file that it was accepted from.

    accepted_at_s   seconds since 1970; None: no copy was accepted yet, each role has read the file
    differs         the file has changed since;   fault  what keeps it from being accepted"""

    file: str
    digest: str
    accepted_at_s: float | None
    differs: bool
    fault: str | None


def role_states(config: Config) -> list[RoleState]:
    """Every role that runs, or has tried to.   config: in force"""
    return [
        RoleState(
            name=name,
            pid=told.pid,
            is_running=is_running,
            fault=told.fault,
            restart=outdated(config, name.partition("-")[0], told.keys) if is_running else [],
        )
        for name, (told, is_running) in instances(config.run_dir).items()
        if is_running or not _is_one_too_many(config, name)
    ]


def _is_one_too_many(config: Config, name: str) -> bool:
    """Whether the configuration asks for fewer workers: what is left of this one is no fault."""
    role, _, index = name.partition("-")
    wanted = {"dns": config.dns.workers, "gate": config.gate.workers}
    return role in wanted and index.isdecimal() and int(index) >= wanted[role]


def config_state(found: InForce) -> ConfigState:
    """Whether the operator's file is what is in force."""
    is_other = differs(found.source, found.digest)
    return ConfigState(
        file=str(found.source),
        digest=found.digest,
        accepted_at_s=found.at_s,
        differs=is_other,
        fault=_fault_of(found) if is_other else None,
    )


def _fault_of(found: InForce) -> str | None:
    try:
        load(found.source)
    except BadConfig as bad:
        return str(bad)
    return None
