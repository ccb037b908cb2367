"""What the configuration tells mgmt's doors."""

from filterd.config import Config
from mgmt.settings import Settings


def settings_of(config: Config) -> Settings:
    """Settings of API, portal and splash."""
    return Settings(
        isp_name=config.isp.name,
        isp_url=config.isp.url,
        isp_contact=config.isp.contact,
        zone=config.parental.timezone,
        has_tls=config.api.certificate is not None,
        has_gate=config.gate.mode == "inline" and config.gate.workers > 0 and bool(config.gate.http_ports),
        dns_name=config.dns.tls.name if config.dns.tls.certificate is not None else None,
        protected_names=config.protected.names,
    )
