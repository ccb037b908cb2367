"""The text of a page, and whether its elements nest."""

from html.parser import HTMLParser

VOID = {"meta", "br", "input", "link"}


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def text_of(html: str) -> str:
    """The words of a page in one line; what is opened must be closed, in order."""
    outline = _Outline()
    outline.feed(html)
    outline.close()
    assert outline.open == []
    return " ".join("".join(outline.text).split())
