"""The DNS role: dns.front under a worker's control side."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from dns.answers import AnswerPolicy, Splash
from dns.errors import UpstreamIsOurselves
from dns.front import DnsFront
from dns.upstreams import Endpoint
from filterd.config import Config
from filterd.errors import WrongUse
from filterd.worker import Worker, make_reporter


async def live(config: Config, config_file: Path, index: int) -> int:
    """Answer DNS until SIGTERM.   Raises WrongUse where an upstream is this box itself."""
    del config_file
    name = f"dns-{index}"
    try:
        front = front_of_config(config, name)
    except UpstreamIsOurselves as reason:
        raise WrongUse(str(reason)) from reason
    await Worker(name, config.state_dir, config.run_dir, front).run()
    return 0


def front_of_config(config: Config, name: str) -> DnsFront:
    """The front that the configuration asks for.   Raises what DnsFront raises."""
    return DnsFront(
        [Endpoint(each.address, each.port) for each in config.dns.listen],
        [Endpoint(each.address, each.port) for each in config.dns.upstreams],
        make_reporter(config.state_dir, config.run_dir, name),
        make_reporter(config.state_dir, config.run_dir, f"{name}-tcp"),
        AnswerPolicy(splash_of_config(config)),
    )


def splash_of_config(config: Config) -> Splash:
    """Where the configuration says that the splash page is."""
    address4, address6 = config.splash.address4, config.splash.address6
    return Splash(IPv4Address(address4) if address4 else None, IPv6Address(address6) if address6 else None)
