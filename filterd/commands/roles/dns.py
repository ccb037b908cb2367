"""The DNS role: dns.front.front under a worker's control side."""

from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

from dns.base.endpoints import Endpoint
from dns.base.errors import BadCertificate, UpstreamIsOurselves
from dns.front.answers import AnswerPolicy, Splash
from dns.front.front import DnsFront
from dns.front.resolver_plan import Admission, ResolverPlan
from dns.front.special_names import LocalAnswers, encrypted_resolvers, special_names
from dns.front.streams.server import Encryption, StreamPlan
from dns.front.structured import StructuredErrors
from filterd.box.errors import WrongUse
from filterd.box.keys import COOKIE_KEY_OCTETS, key_at, read_key
from filterd.box.places import DNS
from filterd.config import Config
from filterd.process.worker import Worker, make_reporter
from filterd.process.worker_setup import WorkerSetup


async def live(config: Config, config_file: Path, index: int) -> int:
    """Answer DNS until SIGTERM.   Raises WrongUse for an upstream that is this box itself, or a bad certificate."""
    fronts = Fronts(config, f"dns-{index}")
    try:
        first = fronts.first(config)
    except (BadCertificate, UpstreamIsOurselves) as reason:
        raise WrongUse(str(reason)) from reason
    setup = WorkerSetup("dns", config, config_file, fronts.next)
    await Worker(fronts.name, config.state_dir, config.run_dir, first, setup).run()
    return 0


class Fronts:
    """The fronts of one worker, one after the other: each has the sockets, counters and spool of the one before it."""

    def __init__(self, config: Config, name: str) -> None:
        self.name = name
        self._reporter = make_reporter(config.state_dir, config.run_dir, name)
        self._stream_reporter = make_reporter(config.state_dir, config.run_dir, name, "-tcp")
        self._last: DnsFront | None = None

    def first(self, config: Config) -> DnsFront:
        """The front that the configuration asks for.   Raises what DnsFront raises."""
        self._last = self._made(config)
        return self._last

    def next(self, running: Config, wanted: Config) -> DnsFront | None:
        """A front for what has changed; None: nothing that one is made of has.   Raises what DnsFront raises."""
        if _of_front(running) == _of_front(wanted):
            return None
        before, front = self._last, self._made(wanted)
        if before is not None:
            before.give_up_sockets()
        self._last = front
        return front

    def _made(self, config: Config) -> DnsFront:
        return DnsFront(
            listen_of_config(config),
            config.dns.upstreams,
            self._reporter,
            self._stream_reporter,
            AnswerPolicy(splash_of_config(config), structured=structured_of_config(config)),
            streams_of_config(config),
            resolver_of_config(config),
            self._last,
        )


def _of_front(config: Config) -> tuple[object, ...]:
    return config.dns, config.splash, config.isp


def resolver_of_config(config: Config) -> ResolverPlan:
    """What the configuration asks of the resolver besides filtering by lists."""
    asked = config.dns
    folder = config.run_dir / DNS  # of all dns workers of this box
    folder.mkdir(parents=True, exist_ok=True)
    return ResolverPlan(
        asked.cache,
        Admission(asked.clients, asked.queries_per_second, asked.burst, asked.large_answers_per_second),
        _cookie_key(asked.cookie_key, folder),
        asked.forwarders,
        special_names(
            encrypted_resolvers(asked.tls.name, asked.tls.listen, asked.https.listen), local_answers_of_config(config)
        ),
        asked.upstream_ca,
        config.when_no_images == "closed",
    )


def _cookie_key(shared: Path | None, folder: Path) -> bytes:
    """The key of DNS cookies.   shared  that of several boxes, which is never made here;   Raises WrongUse"""
    if shared is None:
        return key_at(folder / "cookies.key", COOKIE_KEY_OCTETS)
    try:
        return read_key(shared, COOKIE_KEY_OCTETS)
    except (OSError, ValueError) as reason:
        raise WrongUse(f"/dns/cookie_key: {reason}") from reason


def local_answers_of_config(config: Config) -> LocalAnswers:
    """What the configuration says of names that are answered here."""
    asked = config.dns
    return LocalAnswers(asked.own_names, asked.identity or "", asked.rebinding_guard, asked.canaries == "all")


def streams_of_config(config: Config) -> StreamPlan:
    """What the configuration wants of TCP, TLS and HTTPS."""
    tls, https = config.dns.tls, config.dns.https
    encryption = None
    if tls.certificate is not None and tls.key is not None:
        encryption = Encryption(
            tls.certificate,
            tls.key,
            tls.listen,
            https.listen,
            tls.name,
        )
    return StreamPlan(encryption=encryption, proxies=[ip_network(proxy) for proxy in config.dns.proxies])


def listen_of_config(config: Config) -> list[Endpoint]:
    """Where queries come in: those to this box, and those that the kernel redirects to it."""
    own = list(config.dns.listen)
    port = config.dns.redirect_port
    if not config.dns.redirect_foreign or any(endpoint.port == port for endpoint in own):
        return own
    return [*own, Endpoint("0.0.0.0", port), Endpoint("::", port)]


def structured_of_config(config: Config) -> StructuredErrors | None:
    """The structured errors for clients that ask for them, where the configuration wants that."""
    if not config.dns.structured_errors:
        return None
    return StructuredErrors(config.isp.name, config.isp.contact)


def splash_of_config(config: Config) -> Splash:
    """Where the configuration says that the splash page is."""
    address4, address6 = config.splash.address4, config.splash.address6
    return Splash(IPv4Address(address4) if address4 else None, IPv6Address(address6) if address6 else None)
