"""Settings of the web applications of mgmt, from the configuration."""

from dataclasses import asdict

from filterd.config import Config
from mgmt.settings import Helpline, Settings


def settings_of(config: Config) -> Settings:
    """Settings of API, portal and splash."""
    has_gate = config.gate.mode == "inline" and config.gate.workers > 0
    return Settings(
        isp_name=config.isp.name,
        isp_url=config.isp.url,
        isp_contact=config.isp.contact,
        zone=config.parental.timezone,
        has_tls=config.api.certificate is not None,
        has_gate=has_gate and bool(config.gate.http_ports),
        stops_names=has_gate or config.dns.workers > 0,
        dns_name=config.dns.tls.name if config.dns.tls.certificate is not None else None,
        protected_names=config.protected.names,
        clients=config.dns.clients,
        helplines=helplines_of(config),
    )


def helplines_of(config: Config) -> list[Helpline]:
    """The helplines, as the pages show them."""
    return [Helpline(**asdict(line)) for line in config.helplines]
