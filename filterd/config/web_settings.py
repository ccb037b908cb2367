"""Settings of the web applications of mgmt, from the configuration."""

import dataclasses
from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import ZoneInfo

from filterd.box.places import PUBLIC
from filterd.config import Config
from filterd.config.family import door_pages
from filterd.config.schema import ListEntry, Splash
from mgmt.orders.base.deadline_rules import Deadline, Rules
from mgmt.registers.appeals.key_text import key_of
from mgmt.registers.settings.page_settings import COMPLAINTS, Complaint, Helpline, Settings, StopPage
from rules.base.category import NAMELESS


def settings_of(config: Config) -> Settings:
    """Settings of API, portal and splash."""
    has_gate = config.gate.mode == "inline" and config.gate.workers > 0
    return Settings(
        isp_name=config.isp.name,
        isp_name_ur=config.isp.name_ur,
        isp_url=config.isp.url,
        isp_contact=config.isp.contact,
        zone=config.parental.timezone,
        has_tls=config.api.certificate is not None,
        has_gate=has_gate and bool(config.gate.http_ports),
        closable=held_kinds(config.lists) | (NAMELESS if has_gate else frozenset()),
        stops_names=has_gate or config.dns.workers > 0,
        dns_name=config.dns.tls.name if config.dns.tls.certificate is not None else None,
        protected_names=config.protected.names,
        clients=config.dns.clients,
        helplines=tuple(Helpline(**dataclasses.asdict(line)) for line in config.helplines),
        first_language=config.splash.first_language,
        report_url=config.splash.report_url,
        complaints=_complaints(config.splash),
        stop_page=StopPage(**dataclasses.asdict(config.splash.stop_page)),
        why_host=config.splash.host,
        appeals_key=None if config.appeals.key is None else key_of(config.appeals.key),
        help_host=config.splash.help_host,
        family_pages=door_pages(config.family, config.api),
        desk_origin=config.api.desk_origin,
        has_client_ca=config.api.client_ca is not None,
        country=config.family.sms.country,
        clocks=clocks_of(config),
        audio=config.family.audio,
        public_lists=tuple(entry.id for entry in config.lists if entry.public),
        public_folder=config.state_dir / PUBLIC,
        has_transparency=config.transparency.page,
        further_languages=config.family.languages,
    )


def family_settings_of(config: Config) -> Settings:
    """The same at the families' door."""
    return dataclasses.replace(settings_of(config), has_tls=config.family.certificate is not None, has_client_ca=False)


def held_kinds(lists: Iterable[ListEntry]) -> frozenset[str]:
    """Categories and services that these lists hold; one that is on trial closes nothing."""
    held = (entry.category or entry.service for entry in lists if entry.action != "shadow")
    return frozenset(filter(None, held))


def clocks_of(config: Config) -> Rules:
    """The deadlines of orders."""
    deadlines = (
        Deadline(timedelta(seconds=each.within), each.issuer, each.kind, each.since) for each in config.orders.deadlines
    )
    return Rules(tuple(deadlines), ZoneInfo(config.parental.timezone), config.orders.review_days)


def _complaints(splash: Splash) -> tuple[Complaint, ...]:
    return tuple(Complaint(place.to, place.verified_on) for place in splash.complaints) or COMPLAINTS
