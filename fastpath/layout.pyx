"""What Python needs to know of the image layout: see layout.pxd for the bytes."""
from enum import IntEnum

from fastpath.layout cimport K_NAMES, K_POLICY, K_SUBSCRIBERS


class ImageKind(IntEnum):
    """What an image holds; the value stands in its header."""

    NAMES = K_NAMES
    SUBSCRIBERS = K_SUBSCRIBERS
    POLICY = K_POLICY
