"""What Python needs to know of the image layout: see layout.pxd for the bytes."""
from enum import IntEnum


class ImageKind(IntEnum):
    """What an image holds; the value stands in its header."""

    NAMES = K_NAMES
    URLS = K_URLS
    SUBSCRIBERS = K_SUBSCRIBERS
    POLICY = K_POLICY
    ORIGINS = K_ORIGINS
