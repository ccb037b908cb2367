"""What a process gives up before it reads what strangers wrote: capabilities, files, the network, other processes.

    parent's death is its own → no new privileges → capabilities → limits → Landlock (files) → seccomp (system calls)

Every measure needs no privilege, so it holds under systemd, in a container and without either.
Invariants: a measure that this system does not have is named in the answer, and the others are taken; none is ever
taken back.
Source: prctl(2), capabilities(7), landlock(7), seccomp(2).
"""

import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SYS_LANDLOCK_CREATE_RULESET, SYS_LANDLOCK_ADD_RULE, SYS_LANDLOCK_RESTRICT_SELF = 444, 445, 446  # on every architecture
LANDLOCK_VERSION, LANDLOCK_PATH_BENEATH = 1, 1
CAPABILITY_VERSION_3 = 0x20080522
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
FILE_RIGHTS = {1: 2**13 - 1, 2: 2**14 - 1, 3: 2**15 - 1, 4: 2**15 - 1}  # by Landlock's version; later ones as 5
FILE_RIGHTS_5 = 2**16 - 1
NET_RIGHTS, SCOPES = 3, 3  # TCP from version 4; abstract sockets and signals from version 6
SCMP_ALLOW, SCMP_EPERM = 0x7FFF0000, 0x00050000 | 1
NEVER = (  # of any reader
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "kcmp"),
    *("perf_event_open", "bpf", "userfaultfd", "io_uring_setup", "open_by_handle_at", "chroot", "setns", "unshare"),
    *("mount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "mount_setattr", "swapon", "swapoff"),
    *("keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module", "kexec_load", "reboot"),
)
NETWORK = ("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4")
PROGRAMS = ("execve", "execveat")
PROCESSES = ("fork", "vfork", "clone", "clone3")  # threads, too

_libc = ctypes.CDLL(None, use_errno=True)


def confine(
    read: Iterable[Path],
    write: Iterable[Path],
    *,
    memory_octets: int | None,
    becomes_another: bool = False,
    keeps_network: bool = False,
) -> list[str]:
    """Give up everything but to read below `read` and to write below `write`; the measures that could not be taken.

    The caller is one thread, and starts neither threads nor processes afterwards.

    memory_octets    of address space; None: no limit
    becomes_another  it goes on as a program below `read`, by execve(2)
    keeps_network    it asks, or answers, over the network of its namespace"""
    network = () if keeps_network else NETWORK
    programs = () if becomes_another else PROGRAMS
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("no new privileges", _no_new_privileges),
        ("no capabilities", drop_capabilities),
        ("limits", lambda: _limit(memory_octets)),
        ("Landlock", lambda: _landlock([*read, *needed_by_python()], write, keeps_network=keeps_network)),
        ("seccomp", lambda: _seccomp((*NEVER, *network, *PROCESSES, *programs))),
    )
    missing = []
    for name, step in steps:
        try:
            step()
        except OSError as reason:
            missing.append(f"{name} ({reason.strerror or reason})")
    return missing


def drop_capabilities() -> None:
    """Hold no capability, also after another program was started.   Raises OSError."""
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:  # none of that number, or no right to: see below
            break
    head = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0))
    _checked(_libc.capset(head, ctypes.create_string_buffer(24)))


def needed_by_python() -> list[Path]:
    """What an interpreter reads while it runs: its libraries and ours, the zones, the system's libraries."""
    ours = Path(__file__).parents[2]
    found = {Path(sys.prefix), Path(sys.base_prefix) / "lib", Path(sysconfig.get_paths()["stdlib"])}
    found |= {ours / name for name in ("filterd", "rules", "fastpath", "parental", "mgmt", "dns")}
    found |= {Path(name) for name in ("/usr/lib", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/localtime")}
    found |= {Path(entry) for entry in sys.path if entry}
    found |= {Path("/dev/null"), Path("/dev/urandom")}
    return [path for path in found if os.access(path, os.F_OK)]  # what this account may not reach is as if it were not


def _no_new_privileges() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def _limit(memory_octets: int | None) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_octets is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_octets, memory_octets))


def _landlock(read: Iterable[Path], write: Iterable[Path], *, keeps_network: bool) -> None:
    version = _checked(_libc.syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION))
    rights = FILE_RIGHTS.get(version, FILE_RIGHTS_5)
    handled = struct.pack(
        "=QQQ", rights, 0 if keeps_network or version < 4 else NET_RIGHTS, SCOPES if version >= 6 else 0
    )
    length = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(_libc.syscall(SYS_LANDLOCK_CREATE_RULESET, handled, length, 0))
    try:
        for path in read:
            _allow(ruleset, path, EXECUTE | READ_FILE | READ_DIR)
        for path in write:
            _allow(ruleset, path, rights)
        _checked(_libc.syscall(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except PermissionError:
        return  # a path that this account may not reach needs no leave
    try:
        allowed = rights if path.is_dir() else rights & OF_FILES
        beneath = struct.pack("=Qi", allowed, descriptor)
        _checked(_libc.syscall(SYS_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PATH_BENEATH, beneath, 0))
    finally:
        os.close(descriptor)


def _seccomp(refused: Iterable[str]) -> None:
    library = ctypes.CDLL("libseccomp.so.2")  # raises OSError where it is not installed
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(SCMP_ALLOW)))
    if context.value is None:
        raise OSError("seccomp_init failed")
    try:
        for name in refused:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number >= 0:  # a negative one: not on this architecture, or newer than the library
                code = library.seccomp_rule_add_array(context, ctypes.c_uint32(SCMP_EPERM), number, 0, None)
                _raise_negative(code)
        _raise_negative(library.seccomp_load(context))
    finally:
        library.seccomp_release(context)


def _prctl(option: int, argument: int) -> None:
    _checked(_libc.prctl(option, argument, 0, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _raise_negative(result: int) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
