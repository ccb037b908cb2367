"""The error types of dns/:

BadCertificate         a certificate or its key cannot be used
BadHeader              what a proxy sent first is no PROXY header
TransferFailed         a primary has given nothing of its zone that can be used
UpstreamFailed         no usable answer came from an upstream
UpstreamIsOurselves    what is forwarded to an upstream would come back to us
"""


class BadCertificate(ValueError):
    """A certificate or its key cannot be used; the message says which file and why."""


class BadHeader(ValueError):
    """What a listed proxy sent is no PROXY header of version 2; the message says why."""


class TransferFailed(Exception):
    """A zone could not be transferred; the message says from where and why."""


class UpstreamFailed(Exception):
    """No usable answer came; the message says from where and why."""


class UpstreamIsOurselves(ValueError):
    """An upstream is one of our own endpoints; the message says which."""
