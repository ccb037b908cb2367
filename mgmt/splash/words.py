"""Words of the splash in both languages, and the small sums its sentences need."""

from datetime import date, datetime, timedelta

CATEGORY_WORDS = {
    "adult": ("adult content", "بالغوں کا مواد"),
    "nudify": ("faked nude pictures", "جعلی برہنہ تصویریں"),
    "gambling": ("gambling", "جوا"),
    "dating": ("dating", "ڈیٹنگ"),
    "drugs": ("drugs", "منشیات"),
    "alcohol": ("alcohol", "شراب"),
    "violence": ("violence", "تشدد"),
    "weapons": ("weapons", "ہتھیار"),
    "self-harm": ("self-harm", "خود کو نقصان پہنچانا"),
    "hate": ("hate", "نفرت انگیز مواد"),
    "bypass": ("ways around the filter", "فلٹر سے بچنے کے طریقے"),
    "piracy": ("pirated copies", "غیر قانونی نقول"),
    "file-sharing": ("file sharing", "فائل شیئرنگ"),
    "social": ("social media", "سوشل میڈیا"),
    "video": ("video", "ویڈیو"),
    "games": ("games", "کھیل"),
    "messaging": ("messaging", "پیغام رسانی"),
    "music": ("music", "موسیقی"),
    "shopping": ("shopping", "خریداری"),
    "classifieds": ("classified ads", "خرید و فروخت کے اشتہار"),
    "advertising": ("advertising", "اشتہارات"),
    "tracking": ("trackers", "نگرانی کرنے والے ٹریکر"),
    "malware": ("harmful software", "نقصان دہ سافٹ ویئر"),
    "phishing": ("phishing", "فشنگ"),
    "scam": ("fraud", "فراڈ"),
    "ai-chat": ("AI chat", "اے آئی چیٹ"),
    "quic": ("the QUIC protocol", "کوئک پروٹوکول (QUIC)"),  # no page is ever shown for it
}
NO_WORDS = ("this kind of page", "اس طرح کے صفحے")
ANSWER_WORKING_DAYS = 2  # decided: a wrong block is answered within two working days
NIGHT_FROM, NIGHT_TO = 20, 7


def category_words(category: str | None) -> tuple[str, str]:
    """A category in English and Urdu."""
    return CATEGORY_WORDS.get(category or "", NO_WORDS)


def answer_due(asked: date) -> date:
    """Two working days on; Saturday and Sunday are none."""
    due, left = asked, ANSWER_WORKING_DAYS
    while left:
        due += timedelta(days=1)
        left -= due.weekday() < 5
    return due


def is_night(at: datetime) -> bool:
    """Whether a closed hour is best called sleep time."""
    return at.hour >= NIGHT_FROM or at.hour < NIGHT_TO


def remaining(now: datetime, until: datetime) -> str:
    """'9 h 05 min', for people; rounded up to the minute."""
    minutes = -int((now - until).total_seconds() // 60)
    days, rest = divmod(max(minutes, 0), 1440)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def when(now: datetime, until: datetime) -> str:
    """'06:30', with the date where that is more than a day away.   Both in the zone of the reader."""
    return until.strftime("%H:%M" if until - now < timedelta(days=1) else "%Y-%m-%d %H:%M")
