from enum import IntEnum

class Action(IntEnum):
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
    DEFAULT = 0
    CSAM = 1
    ORDER = 2
    HELP = 3
    PAUSE = 4
    SCHEDULE = 5
    CATEGORY = 6
    SECURITY = 7

class Tier(IntEnum):
    CSAM = 1
    ORDER = 2
    HELP = 3
    LOCK = 4
    CATEGORY = 9
    SECURITY = 10
    DEFAULT = 11

class Mode(IntEnum):
    EXACT = 1
    SUBTREE = 2
    BELOW = 3

class Channel(IntEnum):
    DNS = 1
    SNI = 2
    HTTP = 3
    QUIC = 4
    LOCK = 5
    ADDRESS = 6

class GateCategory(IntEnum):
    BYPASS = 11
    QUIC = 27
