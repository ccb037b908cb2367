"""The numbers that the wire side, the records and Python share.  They are stored: none may ever change its meaning."""
from enum import IntEnum


class Action(IntEnum):
    """What to do (RPZ draft §3, and ours).   SHADOW: of a list that is tried, and of what a tap saw; never decided."""

    PASSTHRU = 0
    NXDOMAIN = 1
    NODATA = 2
    REFUSED = 3
    SPLASH = 4
    DROP = 5
    TCP_ONLY = 6
    LOCAL_DATA = 7
    SHADOW = 8
    NO_ACTION = 255


class Reason(IntEnum):
    """Why: what a splash page, an EDE code and a block record are chosen by."""

    DEFAULT = 0
    CSAM = 1
    ORDER = 2
    HELP = 3
    PAUSE = 4
    SCHEDULE = 5
    CATEGORY = 6
    SECURITY = 7


class Tier(IntEnum):
    """Who outranks whom: the lowest number that speaks decides.  The gaps are tiers that hold nothing yet."""

    CSAM = 1
    ORDER = 2
    HELP = 3
    LOCK = 4
    CATEGORY = 9
    SECURITY = 10
    DEFAULT = 11


class Mode(IntEnum):
    """How an entry's name is meant: that name, it and all below, only what is below."""

    EXACT = 1
    SUBTREE = 2
    BELOW = 3


class Channel(IntEnum):
    """Where a name, or an address, was met."""

    DNS = 1
    SNI = 2
    HTTP = 3
    QUIC = 4
    LOCK = 5
    ADDRESS = 6
