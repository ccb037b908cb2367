"""Network namespaces with only a loopback, for a coroutine or a thread of this process."""

import asyncio
import ctypes
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from support.system.rights import skip_without_namespaces

from filterd.lab.processes import wait_until

_CLONE_NEWNET = 0x40000000  # <linux/sched.h>


@contextmanager
def a_network_of_its_own() -> Iterator[Callable[..., Any]]:
    """Gives call(function, *arguments), which runs in a thread that has left; programs it starts are there, too."""
    skip_without_namespaces()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_leave).result()
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def in_a_network_of_its_own(do: Callable[[], Awaitable[None]]) -> None:
    """Await `do()` in a thread that has left for a namespace of its own; threads it starts are there, too."""
    skip_without_namespaces()

    def live() -> None:
        _leave()
        asyncio.run(_awaited(do))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(live).result()


def _leave() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run_ip("link", "set", "lo", "up")


async def _awaited(do: Callable[[], Awaitable[None]]) -> None:
    await do()


def run_ip(*arguments: str) -> None:
    """Run ip(8) in the namespace of the calling thread."""
    subprocess.run(("ip", *arguments), check=True, timeout=10)


def add_address6(address: str) -> None:
    """Give an address of IPv6 to the loopback of that namespace.

    The kernel adds its route later, in a task of its own: until then what is sent there is lost in silence."""
    run_ip("addr", "add", f"{address}/128", "dev", "lo", "nodad")
    wait_until(lambda: address in _local_routes(), f"a route to {address}", within_s=30)


def _local_routes() -> str:
    argv = ("ip", "-6", "route", "show", "table", "local", "type", "local")
    return subprocess.run(argv, check=True, timeout=10, capture_output=True, text=True).stdout
