"""The error types of dns/:

UpstreamFailed         no usable answer came from an upstream
UpstreamIsOurselves    what is forwarded to an upstream would come back to us
"""


class UpstreamFailed(Exception):
    """No usable answer came; the message says from where and why."""


class UpstreamIsOurselves(ValueError):
    """An upstream is one of our own endpoints; the message says which."""
