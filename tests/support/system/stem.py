"""A process that has imported all commands of filterd, and runs each command line that it is given in a child.

    a message with descriptors ─→ the stem forks ─→ filterd.cli.main() ─→ exit code
    REQUEST  a file with arguments, environment, directory and niceness, as JSON;   0, 1, 2  the child's
    LINE     whoever asks: gets the exit code, and sends the number of a signal; at its end, the child is killed

Invariants: the stem has one thread and opens no database, so nothing of one command is in another; it ends with the
process of the tests.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

from filterd import cli, commands

N_DESCRIPTORS = 5  # REQUEST, 0, 1, 2, LINE
IMPORTED_LATE = ("aiohttp", "alembic.command", "babel.messages.pofile", "cryptography.x509", "psycopg")


def main() -> None:
    """Serve the socket whose number is the argument."""
    for module in pkgutil.iter_modules(commands.__path__, f"{commands.__name__}."):
        importlib.import_module(module.name)
    for name in IMPORTED_LATE:
        importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the tests end first, and we with them
    gc.collect()
    gc.freeze()
    Stem(socket.socket(fileno=int(sys.argv[1]))).serve()


class Stem:
    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._ready = selectors.DefaultSelector()
        self._ready.register(channel, selectors.EVENT_READ)
        self._children: dict[int, tuple[int, int]] = {}  # by process: its pidfd, and its LINE

    def serve(self) -> None:
        while True:
            for key, _ in self._ready.select():
                if key.fileobj is self._channel:
                    octets, descriptors, _, _ = socket.recv_fds(self._channel, 1, N_DESCRIPTORS)
                    if not octets:
                        return self._end()
                    self._begin(*descriptors)
                elif key.data in self._children:
                    process, (pidfd, line) = key.data, self._children[key.data]
                    if key.fileobj == line:
                        self._pass_on(process, line)
                    else:
                        self._see_off(process, pidfd, line)

    def _begin(self, request: int, stdin: int, stdout: int, stderr: int, line: int) -> None:
        process = os.fork()
        if process == 0:
            run_and_exit(request, (stdin, stdout, stderr))
        for descriptor in (request, stdin, stdout, stderr):
            os.close(descriptor)
        pidfd = os.pidfd_open(process)
        self._children[process] = (pidfd, line)
        for descriptor in (pidfd, line):
            self._ready.register(descriptor, selectors.EVENT_READ, process)

    def _pass_on(self, process: int, line: int) -> None:
        numbers = os.read(line, 16)
        if not numbers:  # no one waits for it any more; its end is seen off as any other
            self._ready.unregister(line)
        for number in numbers or [signal.SIGKILL]:
            os.kill(process, number)

    def _see_off(self, process: int, pidfd: int, line: int) -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        del self._children[process]
        for descriptor in (pidfd, line):
            if descriptor in self._ready.get_map():
                self._ready.unregister(descriptor)
        with socket.socket(fileno=line) as last:
            last.sendall(str(code).encode(), socket.MSG_NOSIGNAL)
        os.close(pidfd)

    def _end(self) -> None:
        for process in self._children:
            os.kill(process, signal.SIGKILL)


def run_and_exit(request: int, standard: tuple[int, int, int]) -> NoReturn:
    """Become a process that runs one command line."""
    code = 1
    try:
        with open(request, "rb") as file:
            wanted = json.load(file)
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        _take_on(wanted)
        code = _exit_code(wanted["arguments"])
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:  # as an interpreter does
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # who reads it has left
            code = code or 120
    os._exit(code & 0xFF)


def _take_on(wanted: dict[str, Any]) -> None:
    """What a process has from the one that starts it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(wanted["env"])
    if "FILTERD_PARENT" in os.environ:
        os.environ["FILTERD_PARENT"] = str(os.getppid())
    time.tzset()
    os.chdir(wanted["directory"])
    os.nice(wanted["niceness"])
    sys.argv = ["filterd", *wanted["arguments"]]


def _exit_code(arguments: list[str]) -> int:
    try:
        return cli.main(arguments)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)


if __name__ == "__main__":
    main()
