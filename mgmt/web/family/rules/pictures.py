"""A picture for each kind of site and each service: drawings of the kind of thing, never a company's mark."""

from collections.abc import Mapping

from rules.lists.catalogue import services

OF_CATEGORIES: Mapping[str, str] = {
    "adult": "🔞",
    "nudify": "🎭",
    "gambling": "🎰",
    "dating": "💘",
    "drugs": "💊",
    "alcohol": "🍷",
    "violence": "👊",
    "weapons": "🔫",
    "self-harm": "🩹",
    "hate": "😡",
    "bypass": "🕳",
    "piracy": "🏴",
    "file-sharing": "📤",
    "social": "👥",
    "video": "🎬",
    "games": "🎮",
    "messaging": "💬",
    "music": "🎵",
    "shopping": "🛒",
    "classifieds": "📰",
    "advertising": "📢",
    "tracking": "👁",
    "malware": "🦠",
    "phishing": "🎣",
    "scam": "💸",
    "ai-chat": "🤖",
    "quic": "⚡",
    "undecidable": "❔",
    "education": "📚",
}
OF_PICTURES: Mapping[str, str] = {  # of rules/catalogue/services.yaml
    "film": "🎬",
    "short-video": "📱",
    "people": "👥",
    "camera": "📷",
    "chat": "💬",
    "live": "🔴",
    "television": "📺",
    "music": "🎵",
    "game": "🎮",
    "dice": "🎲",
    "robot": "🤖",
    "basket": "🛒",
    "food": "🍲",
    "wallet": "👛",
    "newspaper": "📰",
    "call": "📞",
}


def picture_of(name: str) -> str:
    """Of a category, or of a service.   Raises KeyError"""
    return OF_CATEGORIES[name] if name in OF_CATEGORIES else OF_PICTURES[services()[name].picture]
