"""Verdict numbers shared by code, records and Python: actions, reasons, tiers, modes, channels.

Invariants: every value comes from verdict.pxd.  The numbers are stored in images and records: never change one.
"""
from enum import IntEnum

from fastpath.images cimport verdict as numbers


class Action(IntEnum):
    """What to do (RPZ draft §3, and own ones).   SHADOW  of a list on trial, and in a tap's records; never decided"""

    PASSTHRU = numbers.PASSTHRU
    NXDOMAIN = numbers.NXDOMAIN
    NODATA = numbers.NODATA
    REFUSED = numbers.REFUSED
    SPLASH = numbers.SPLASH
    DROP = numbers.DROP
    TCP_ONLY = numbers.TCP_ONLY
    LOCAL_DATA = numbers.LOCAL_DATA
    SHADOW = numbers.SHADOW
    NO_ACTION = numbers.NO_ACTION


class Reason(IntEnum):
    """Why: it selects the block page, the extended DNS error (EDE) and the kind of record."""

    DEFAULT = numbers.R_DEFAULT
    CSAM = numbers.R_CSAM
    ORDER = numbers.R_ORDER
    HELP = numbers.R_HELP
    PAUSE = numbers.R_PAUSE
    SCHEDULE = numbers.R_SCHEDULE
    CATEGORY = numbers.R_CATEGORY
    SECURITY = numbers.R_SECURITY
    QUOTA = numbers.R_QUOTA
    HOUSEHOLD = numbers.R_HOUSEHOLD
    SOFT_LOCK = numbers.R_SOFT_LOCK


class Tier(IntEnum):
    """Precedence: the lowest number that matches decides.

    ALLOWED and DENIED are a household's own names.  A grant opens a lock and nothing else: it is the tier of a decision
    only where no lower one decides."""

    CSAM = numbers.T_CSAM
    ORDER = numbers.T_ORDER
    HELP = numbers.T_HELP
    LOCK = numbers.T_LOCK
    GRANT = numbers.T_GRANT
    ALLOWED = numbers.T_ALLOWED
    DENIED = numbers.T_DENIED
    SERVICE = numbers.T_SERVICE
    CATEGORY = numbers.T_CATEGORY
    SECURITY = numbers.T_SECURITY
    DEFAULT = numbers.T_DEFAULT


class Mode(IntEnum):
    """How an entry's name matches: that name only, that name and all below it, only what is below it."""

    EXACT = numbers.M_EXACT
    SUBTREE = numbers.M_SUBTREE
    BELOW = numbers.M_BELOW


class Channel(IntEnum):
    """Where a name or an address was seen."""

    DNS = numbers.C_DNS
    SNI = numbers.C_SNI
    HTTP = numbers.C_HTTP
    QUIC = numbers.C_QUIC
    LOCK = numbers.C_LOCK
    ADDRESS = numbers.C_ADDRESS


class GateCategory(IntEnum):
    """The categories that the gate treats specially: numbers of rules.base.category."""

    BYPASS = numbers.CATEGORY_BYPASS
    QUIC = numbers.CATEGORY_QUIC
    UNDECIDABLE = numbers.CATEGORY_UNDECIDABLE
