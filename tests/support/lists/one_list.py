"""A box with one list, `pta`, and what a test does with it: drop a file, take it in, pull it, look at its faults."""

from pathlib import Path

from filterd.config import Config, read_config
from filterd.images.lists.jobs import pull_list, take
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.status import faults_of, waiting
from rules.lists.versions import ListHistory, Version

NOW = 1_800_000_000.0
HOUR = 3600.0


def names(numbers: range) -> str:
    """A plain list."""
    return "".join(f"n{number}.test\n" for number in numbers)


def config_of(folder: Path, one_list: str) -> Config:
    """The configuration.   one_list  keys of the list in YAML"""
    text = f'state_dir: state\ndns: {{upstreams: ["192.0.2.53:53"]}}\nlists: [{{id: pta, tier: order, {one_list}}}]\n'
    (folder / "state").mkdir(exist_ok=True)
    return read_config(text.encode(), "x", folder)


def kept(config: Config) -> ListHistory:
    return shelf_of(config, config.lists[0]).kept()


def good(config: Config) -> Version:
    """The good version, which must be there."""
    found = kept(config).good
    assert found is not None
    return found


def good_text(config: Config) -> str:
    return shelf_of(config, config.lists[0]).copy(good(config)).read_text()


def file_of(config: Config) -> Path:
    path = config.lists[0].file
    assert path is not None
    return path


def drop(config: Config, text: str) -> None:
    """Put a new file in the place of the list's."""
    path = file_of(config)
    path.with_name("new").write_text(text)
    path.with_name("new").replace(path)


def take_in(config: Config, now_s: float = NOW) -> ListHistory:
    take(config, waiting(config, now_s, 0.0), now_s)
    return kept(config)


def faults(config: Config, now_s: float = NOW) -> str:
    return faults_of(config, now_s).get("pta", "")


async def pull(config: Config, now_s: float = NOW) -> ListHistory:
    """Pull, and take what came."""
    await pull_list(config, config.lists[0], now_s)
    return take_in(config, now_s)
