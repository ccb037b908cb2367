"""The error types of dns/:

UpstreamFailed   no usable answer came from an upstream
"""


class UpstreamFailed(Exception):
    """No usable answer came; the message says from where and why."""
