from enum import IntEnum

MAGIC: bytes

class ImageKind(IntEnum):
    NAMES = 1
    URLS = 2
    SUBSCRIBERS = 4
    POLICY = 5
    ORIGINS = 6

class Limit(IntEnum):
    LISTS = 128
    CATEGORIES = 128
