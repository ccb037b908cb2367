from enum import IntEnum

class ImageKind(IntEnum):
    NAMES = 1
    URLS = 2
    SUBSCRIBERS = 4
    POLICY = 5
    ORIGINS = 6
