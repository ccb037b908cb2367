"""Extended DNS errors: what an answer says of why a name is blocked.

Source: RFC 8914.
"""

from collections.abc import Mapping
from typing import Final

from fastpath.images.verdict import Reason

BLOCKED: Final = 15  # the operator's security
CENSORED: Final = 16  # an external requirement
FILTERED: Final = 17  # what the subscriber asked for
NO_EDE: Final = 0xFFFF

EDE_OF: Final[Mapping[Reason, int]] = {
    Reason.DEFAULT: NO_EDE,
    Reason.CSAM: CENSORED,
    Reason.ORDER: CENSORED,
    Reason.HELP: NO_EDE,
    Reason.PAUSE: FILTERED,
    Reason.SCHEDULE: FILTERED,
    Reason.CATEGORY: FILTERED,
    Reason.SECURITY: BLOCKED,
    Reason.QUOTA: FILTERED,
    Reason.HOUSEHOLD: FILTERED,
    Reason.SOFT_LOCK: FILTERED,
}
