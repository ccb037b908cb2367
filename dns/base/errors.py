"""The error types of dns/:

BadCertificate         a certificate or its key cannot be used
BadHeader              a listed proxy did not send a PROXY header
TransferFailure        a primary gave no usable version of its zone
UpstreamFailure        no usable answer came from an upstream
UpstreamIsOurselves    an upstream is one of our own endpoints
"""


class BadCertificate(ValueError):
    """A certificate or its key cannot be used; the message says which file and why."""


class BadHeader(ValueError):
    """A listed proxy did not send a PROXY header of version 2; the message says why."""


class TransferFailure(Exception):
    """A zone could not be transferred; the message says from where and why."""


class UpstreamFailure(Exception):
    """No usable answer came; the message says from where and why."""


class UpstreamIsOurselves(ValueError):
    """An upstream is one of our own endpoints; the message says which."""
