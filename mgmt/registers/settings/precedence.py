"""Which value a page shows: the desk's where it has said one, else that of the configuration, else our own."""

from dataclasses import replace
from typing import Any

from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.settings.shapes import NAMES, DeskSettings, Isp, Languages


def desk_over_file(of_file: Settings, said: DeskSettings) -> Settings:
    """The settings of the configuration, with the desk's above them."""
    values = {name: value for name in NAMES if (value := getattr(said, name))}
    isp: Isp | None = values.pop("isp", None)
    languages: Languages | None = values.pop("languages", None)
    if isp is not None:
        values |= {"isp_name": isp.name, "isp_name_ur": isp.name_ur, "isp_url": isp.url, "isp_contact": isp.contact}
    if languages is not None:
        values["first_language"] = languages.first
    return replace(of_file, **values)


def values_of(settings: Settings) -> dict[str, Any]:
    """What pages show, by the names of DeskSettings."""
    isp = Isp(name=settings.isp_name, name_ur=settings.isp_name_ur, url=settings.isp_url, contact=settings.isp_contact)
    plain = {name: getattr(settings, name) for name in NAMES if name not in ("isp", "languages")}
    return {"isp": isp, "languages": Languages(first=_language(settings.first_language)), **plain}


def _language(code: str) -> Any:
    """One of mgmt.text.accept.LANGUAGES: the configuration knows no other."""
    return code
