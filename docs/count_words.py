"""Counts the words of the manual that are written by hand: `python docs/count_words.py` prints them by page.

Generated pages say so in a comment, and are left out; README and changelog are no part of docs/.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
GENERATED = "<!-- made by `make docs`"


def word_counts() -> dict[str, int]:
    """Page → its words."""
    texts = {str(path.relative_to(HERE)): path.read_text() for path in sorted(HERE.rglob("*.md"))}
    return {page: len(text.split()) for page, text in texts.items() if GENERATED not in text}


def main() -> int:
    counts = word_counts()
    for page, words in counts.items():
        print(f"{words:7,} {page}")
    print(f"{sum(counts.values()):7,} words in {len(counts)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
