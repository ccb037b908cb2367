from enum import IntEnum

class ImageKind(IntEnum):
    NAMES = 1
    SUBSCRIBERS = 4
    POLICY = 5
