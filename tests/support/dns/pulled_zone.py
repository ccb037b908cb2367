"""A configuration whose one list is a zone, transferred from a primary that a test plays."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.dns.played_primary import PlayedPrimary

from filterd.config import Config, read_config
from filterd.images.lists.jobs import pull_list, take
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.status import waiting
from rules.lists.versions import ListHistory

NOW = 1_800_000_000.0


def config_of(folder: Path, port: int, more: str = "") -> Config:
    (folder / "state").mkdir(exist_ok=True)
    text = f"""
state_dir: state
dns: {{upstreams: ["192.0.2.53:53"]}}
lists: [{{id: z, zone: rpz.test, primaries: ["127.0.0.1:{port}"], format: rpz, tier: security{more}}}]
"""
    return read_config(text.encode(), "x", folder)


def pull(folder: Path, played: PlayedPrimary, now_s: float = NOW, more: str = "", work: Any = pull_list) -> Config:
    """Pull, and take in what came."""

    async def run() -> Config:
        async with played.listening() as port:
            config = config_of(folder, port, more)
            await work(config, config.lists[0], now_s)
            return config

    config = asyncio.run(run())
    take(config, waiting(config, now_s, 0.0), now_s)
    return config


def kept(config: Config) -> ListHistory:
    return shelf_of(config, config.lists[0]).kept()


def body(config: Config) -> list[bytes]:
    """The good copy without its head."""
    good = kept(config).good
    assert good is not None
    copy = shelf_of(config, config.lists[0]).copy(good)
    return sorted(copy.read_bytes().splitlines()[3:])


def lines(numbers: Iterable[int]) -> list[bytes]:
    return sorted(b"n%04d.test 60 CNAME ." % number for number in numbers)
