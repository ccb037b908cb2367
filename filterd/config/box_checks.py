"""What a configuration needs of this box: files that are there, hold what they should, and that the role can read.

Invariants: nothing is changed, and nothing is started; a *fault* is what keeps a role from starting, a *warning* what
leaves something out until it is fixed; a file is judged as the account of the role that reads it, where this box has
such accounts, and else as the account that asks.
"""

import os
import pwd
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from dns.base.certificates import no_password, why_not_loaded
from filterd.box.keys import COOKIE_KEY_OCTETS
from filterd.config.cross_checks import what_can_be_said
from filterd.config.family import has_own_door
from filterd.config.load import CheckedConfig, Fault
from filterd.config.schema import OWN_LISTS, Config, ListEntry
from filterd.config.web_settings import held_kinds
from mgmt.web.family.rules.presets import LEAST, PRESETS
from rules.base.errors import BadList
from rules.base.hosts_of_many import read_hosting_list
from rules.base.watch_files import read_watch_list
from rules.lists.catalogue import FOLDER

ALL_ROLES = "filterd"  # the account of a box that runs all roles under one
STALE_DAYS = 180  # of a list of shared hosting: clouds add ranges each month
NO_AGES = (
    "no list holds adult sites",
    "families are offered no rules by age, as nothing would close these",
    f"add a list of category {LEAST}: filterd lists sources",
)
READ, SEARCH = 4, 1  # of three bits of a mode
ACL = "system.posix_acl_access"


class Finding(NamedTuple):
    """path: of the key;   effect: what we do about it;   is_fault: a role does not start"""

    path: str
    found: str
    effect: str
    write: str
    is_fault: bool


@dataclass(frozen=True, slots=True)
class Box:
    """Where a configuration's files are, and who reads them.

    base    paths of the configuration are below this folder;  None: below /"""

    base: Path | None = None

    def place(self, path: Path) -> Path:
        """Where a file of the configuration is."""
        if self.base is None or path.is_relative_to(self.base):
            return path
        return self.base / path.relative_to(path.anchor)

    def why_unreadable(self, path: Path, role: str, state_dir: Path) -> str | None:
        """Why a role cannot read a file or folder; None where it can, or where only its account could tell."""
        place = self.place(path)
        accounts = _accounts(role, self.place(state_dir)) if self.base is None else []
        try:
            place.stat()
            is_readable = any(can_read(place, each) for each in accounts) if accounts else os.access(place, os.R_OK)
        except PermissionError:
            is_readable = bool(accounts) and os.geteuid() not in (each.pw_uid for each in accounts)
        except OSError as reason:
            return f"{path}: {reason.strerror}"
        whose = " or ".join(each.pw_name for each in accounts) or f"user {os.geteuid()}"
        return None if is_readable else f"{path} cannot be read by {whose}"


def check_box(config: Config, box: Box) -> Iterator[Finding]:
    """Check what the configuration needs of the box; a value that is a fault itself is passed over."""
    for check in CHECKS:
        yield from what_can_be_said(check(config, box))


def findings(examined: CheckedConfig, name: str, box: Box) -> tuple[list[Fault], list[Fault]]:
    """(faults, warnings) of the box, each with its line in the file `name`."""
    found: dict[bool, list[Fault]] = {True: [], False: []}
    for path, what, effect, write, is_fault in check_box(examined.config, box):
        found[is_fault].append(Fault(name, examined.line_of(path), path, what, write, effect))
    return found[True], found[False]


def can_read(path: Path, account: pwd.struct_passwd) -> bool:
    """Whether an account can read a file, or list a folder, by owner, groups and modes; yes where an ACL decides."""
    if account.pw_uid == 0:
        return True
    groups = set(os.getgrouplist(account.pw_name, account.pw_gid))
    real = path.resolve()
    wanted = READ | SEARCH if real.is_dir() else READ
    return all(_may(folder, SEARCH, account.pw_uid, groups) for folder in real.parents) and _may(
        real, wanted, account.pw_uid, groups
    )


# ----------------------------------------------------------------------------------------------------------------------


def _check_folders(config: Config, box: Box) -> Iterator[Finding]:
    for key, folder in (("/state_dir", config.state_dir), ("/run_dir", config.run_dir)):
        place = box.place(folder)
        there = next(path for path in (place, *place.parents) if os.path.lexists(path))
        if not there.is_dir():
            yield _fault(key, f"{there} is no folder", "no role starts", "write another path, or move that file away")


def _check_dns_files(config: Config, box: Box) -> Iterator[Finding]:
    dns = config.dns
    if dns.workers == 0:
        return
    yield from _check_pair(config, box, "/dns/tls", "dns", dns.tls.certificate, dns.tls.key)
    if dns.upstream_ca is not None:
        reason = box.why_unreadable(dns.upstream_ca, "dns", config.state_dir) or _why_no_authority(
            box.place(dns.upstream_ca)
        )
        if reason:
            yield _fault("/dns/upstream_ca", reason, "no dns worker starts", "put PEM certificates there")
    yield from _check_cookie_key(config, box)


def _check_cookie_key(config: Config, box: Box) -> Iterator[Finding]:
    path = config.dns.cookie_key
    if path is None:
        return
    reason = box.why_unreadable(path, "dns", config.state_dir)
    if reason is None and (n := box.place(path).stat().st_size) != COOKIE_KEY_OCTETS:
        reason = f"{path}: {n} octets"
    if reason:
        wanted = f"put the {COOKIE_KEY_OCTETS} octets of the boxes that share an address there, or remove the key"
        yield _fault("/dns/cookie_key", reason, "no dns worker starts", wanted)


def _check_api(config: Config, box: Box) -> Iterator[Finding]:
    yield from _check_pair(config, box, "/api", "web", config.api.certificate, config.api.key)
    yield from _check_client_ca(config, box)
    yield from _check_pair(config, box, "/family", "web", config.family.certificate, config.family.key)
    for listen in config.api.listen:
        if not config.family.listen and not ip_address(listen.host).is_loopback:
            found = f"no door of their own for parents, who come in at {listen} of /api"
            effect = "pages of families and the desk's API share listeners, names and limits"
            yield _warning("/family/listen", found, effect, "write an address for them")
            return


def _check_client_ca(config: Config, box: Box) -> Iterator[Finding]:
    path = config.api.client_ca
    if path is None:
        return
    if reason := box.why_unreadable(path, "web", config.state_dir) or _why_no_authority(box.place(path)):
        yield _fault("/api/client_ca", reason, "the web role does not start", "put PEM certificates there")


def _check_pair(
    config: Config, box: Box, above: str, role: str, certificate: Path | None, key: Path | None
) -> Iterator[Finding]:
    """A certificate and its key: there, readable, PEM, and made for each other."""
    if certificate is None or key is None:
        return
    effect = f"the {role} role does not start"
    wanted = f"put a PEM certificate with its chain and its key there, readable by the {role} role"
    unreadable = False
    for name, path in (("certificate", certificate), ("key", key)):
        if reason := box.why_unreadable(path, role, config.state_dir):
            unreadable = True
            yield _fault(f"{above}/{name}", reason, effect, wanted)
    if not unreadable and (reason := _why_no_pair(box.place(certificate), box.place(key))):
        yield _fault(f"{above}/certificate", f"{certificate} with {key}: {reason}", effect, wanted)


def _check_gate_files(config: Config, box: Box) -> Iterator[Finding]:
    path = config.gate.ja4_classes
    if config.gate.workers and path is not None and (reason := box.why_unreadable(path, "gate", config.state_dir)):
        yield _fault("/gate/ja4_classes", reason, "no gate worker starts", "put the file there, or remove the key")


def _check_siem_files(config: Config, box: Box) -> Iterator[Finding]:
    siem = config.siem
    if siem.server is None:
        return
    yield from _check_pair(config, box, "/siem", "siem", siem.certificate, siem.key)
    if siem.ca is not None and (reason := box.why_unreadable(siem.ca, "siem", config.state_dir)):
        yield _fault("/siem/ca", reason, "the siem role does not start", "put PEM certificates there, readable by it")


def _check_lists(config: Config, box: Box) -> Iterator[Finding]:
    for at, entry in enumerate(config.lists):
        yield from what_can_be_said(_check_list(config, box, f"/lists/{at}", entry))


def _check_list(config: Config, box: Box, path: str, entry: ListEntry) -> Iterator[Finding]:
    if entry.id in OWN_LISTS:
        found, effect = (
            f"'{entry.id}' is the id of a list of filterd itself",
            "records and counts do not tell them apart",
        )
        yield _warning(f"{path}/id", found, effect, "write another id")
    wanted = "put the file there, readable by the control role"
    is_shipped = entry.file is not None and FOLDER in entry.file.parents  # a part of the release that reads it
    if (
        entry.file is not None
        and not is_shipped
        and (reason := box.why_unreadable(entry.file, "control", config.state_dir))
    ):
        effect = "its last good version stays in force, where there is one"
        is_missing = not os.path.lexists(box.place(entry.file))
        yield (_warning if is_missing else _fault)(f"{path}/file", reason, effect, wanted)
    for key in ("seed", "tsig", "pgp", "ca", "client_certificate", "client_key"):
        file = getattr(entry, key)
        if file is not None and (reason := box.why_unreadable(file, "control", config.state_dir)):
            effect = "nothing is taken by it, and the last good version stays in force"
            yield _warning(f"{path}/{key}", reason, effect, wanted)


def _check_kinds(config: Config, _: Box) -> Iterator[Finding]:
    """What an age closes and nothing here does: said once, for families with a door of their own."""
    closed = frozenset().union(*(preset.closed for preset in PRESETS.values()))
    lacking = sorted(closed - held_kinds(config.lists))
    if has_own_door(config.family) and LEAST in lacking:
        lacking.remove(LEAST)
        yield _warning("/lists", *NO_AGES)
    if has_own_door(config.family) and lacking:
        found = f"no list holds what families close by age: {', '.join(lacking)}"
        effect = "they are not offered these kinds, and nothing closes them"
        yield _warning("/lists", found, effect, "add lists of them: filterd lists sources")


def _check_zones(config: Config, box: Box) -> Iterator[Finding]:
    for at, zone in enumerate(config.rpz.zones):
        if zone.tsig is not None and (reason := box.why_unreadable(zone.tsig, "control", config.state_dir)):
            wanted = "create it with tsig-keygen, readable by the control role"
            yield _warning(f"/rpz/zones/{at}/tsig", reason, "no zone is served", wanted)


def _check_protected(config: Config, box: Box) -> Iterator[Finding]:
    yield from _check_watch(config, box)
    key, held = "/protected/shared_hosting", "every address of an order waits for two persons"
    for path in config.protected.shared_hosting:
        try:
            reason = box.why_unreadable(path, "control", config.state_dir)
            day = None if reason else read_hosting_list(box.place(path)).day
        except PermissionError:
            continue  # the role can read it, and this account cannot
        except BadList as why:
            reason, day = str(why), None
        if reason is not None:
            yield _warning(key, reason, held, "put a list there, readable by the control role: docs/desk/orders.md")
        elif day is not None and (age := (datetime.now(UTC).date() - day).days) > STALE_DAYS:
            yield _warning(key, f"{path} is {age} days old", "it decides as it is", "put a newer one there")


def _check_watch(config: Config, box: Box) -> Iterator[Finding]:
    effect = "no list is compiled until it can be read"
    for at, path in enumerate(config.protected.watch):
        try:
            reason = box.why_unreadable(path, "control", config.state_dir)
            if reason is None:
                read_watch_list(box.place(path), config.protected.watch_top)
        except PermissionError:
            continue  # the role can read it, and this account cannot
        except BadList as why:
            reason = str(why)
        if reason is not None:
            yield _fault(f"/protected/watch/{at}", reason, effect, "a list that control can read: docs/desk/lists.md")


def _check_verifier(config: Config, _: Box) -> Iterator[Finding]:
    said = config.verifier
    if config.orders.canary.gateway is not None and said.probe is not None and said.line is None:
        effect = "what is tried on one gateway is not verified before it is in force everywhere"
        wanted = "write the number of the line that has the addresses of the probe: docs/audit/verification.md"
        yield _warning("/verifier/line", "left out, with /orders/canary", effect, wanted)


CHECKS: Sequence[Callable[[Config, Box], Iterator[Finding]]] = (
    _check_folders,
    _check_dns_files,
    _check_gate_files,
    _check_api,
    _check_siem_files,
    _check_lists,
    _check_kinds,
    _check_zones,
    _check_protected,
    _check_verifier,
)


def _fault(path: str, found: str, effect: str, write: str) -> Finding:
    return Finding(path, found, effect, write, is_fault=True)


def _warning(path: str, found: str, effect: str, write: str) -> Finding:
    return Finding(path, found, effect, write, is_fault=False)


def _why_no_pair(certificate: Path, key: Path) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=no_password)
    except PermissionError:
        return None  # the role can read it, and this account cannot
    except (OSError, ValueError) as reason:  # SSLError is an OSError
        return why_not_loaded(reason)
    return None


def _why_no_authority(path: Path) -> str | None:
    try:
        ssl.create_default_context(cafile=path)
    except PermissionError:
        return None  # as above
    except OSError as reason:
        return f"{path}: {why_not_loaded(reason)}"
    return None


def _accounts(role: str, state_dir: Path) -> list[pwd.struct_passwd]:
    """The accounts that a role may have here: its own, or that of all roles, as the state directory's owner tells."""
    own, shared = _account(f"{ALL_ROLES}-{role}"), _account(ALL_ROLES)
    if shared is not None and state_dir.exists() and state_dir.stat().st_uid == shared.pw_uid:
        return [shared]
    return [account for account in (own, shared) if account is not None]


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _may(path: Path, wanted: int, uid: int, groups: set[int]) -> bool:
    status = path.stat()
    if ACL in os.listxattr(path):
        return True
    shift = 6 if status.st_uid == uid else 3 if status.st_gid in groups else 0
    return status.st_mode >> shift & wanted == wanted
