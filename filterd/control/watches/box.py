"""Control's look at the settings of this box: what can be put right is, at the start and as long as it runs.

A gate's rules go on regardless of what is found.  What could not be put right is a standing fault for each setting, as
an alarm: `filterd status` exits with 1, and `filterd_faults` counts it.
"""

import asyncio
import logging

from filterd.control.base.context import Context
from filterd.kernel.box_settings import BoxSettings
from filterd.kernel.ruleset import rules_of_config

FAULT = "box: "  # begins the name of a setting's fault
UNKNOWN = f"{FAULT}settings"  # the fault that they are not known

log = logging.getLogger("filterd.control.service")


class BoxWatch:
    """Looks when it is asked to."""

    def __init__(self, context: Context, settings: BoxSettings | None = None) -> None:
        self._context, self._settings = context, settings or BoxSettings()

    async def look(self) -> None:
        """Put right what can be, and have a fault for each thing that cannot; each is logged once.

        Raises what keeps it from looking at this box; what was found before stands."""
        found, faults = await asyncio.to_thread(self._look), self._context.faults
        faults.pop(UNKNOWN, None)
        for name in [name for name in faults if name.startswith(FAULT) and name not in found]:
            log.warning("%s is right again", name.removeprefix(FAULT))
            del faults[name]
        for name, text in found.items():
            if faults.get(name) is None:
                log.warning("%s", text)
            faults[name] = text

    def _look(self) -> dict[str, str]:
        rules = rules_of_config(self._context.config)
        for said in self._settings.mend(rules):
            log.warning("%s", said)
        return {f"{FAULT}{each.what}": each.text for each in self._settings.faults(rules)}
