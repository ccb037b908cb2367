"""What the desk says of the pages, as control has written it for all who show one: state_dir/config/desk.json.

Invariants: the file appears whole or not at all; it is believed under the same conditions as the accepted
configuration, next to which it is; without one that can be believed, the configuration alone counts.
"""

import logging
import os
from pathlib import Path

import msgspec

from fastpath.base.foreign_file import open_foreign
from filterd.config.accepted import MODE, why_not_believed
from filterd.config.schema import Config
from filterd.config.web_settings import settings_of
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.settings.precedence import desk_over_file
from mgmt.registers.settings.shapes import NOTHING, DeskSettings
from rules.base.atomic_file import writing_whole

PLACE = Path("config/desk.json")  # in the state directory; the folder is control's alone
SIZE_OCTETS = 1 << 20  # a dozen texts of 500 characters are far below

log = logging.getLogger("filterd.config")


def desk_path(config: Config) -> Path:
    """Where the file is."""
    return config.state_dir / PLACE


def write_desk(config: Config, said: DeskSettings) -> None:
    """Give it to all who show a page.   Raises OSError: what they have stays"""
    path = desk_path(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing_whole(path) as file:
        os.fchmod(file.fileno(), MODE)
        file.write(msgspec.json.encode(said))


def read_desk(config: Config) -> DeskSettings:
    """What the desk says; nothing where no file can be believed, and the log says why."""
    path = desk_path(config)
    try:
        with open_foreign(path) as file:
            why, octets = why_not_believed(os.fstat(file.fileno()), path), file.read(SIZE_OCTETS)
        if why is None:
            return msgspec.json.decode(octets, type=DeskSettings)
    except FileNotFoundError:
        return NOTHING
    except (OSError, ValueError) as reason:
        why = str(reason)
    log.warning("%s: %s; not believed, the configuration alone counts; remove it, and restart control", path, why)
    return NOTHING


def page_settings_of(config: Config) -> Settings:
    """What pages show: the desk's word above the configuration's."""
    return desk_over_file(settings_of(config), read_desk(config))
