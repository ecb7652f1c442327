"""An HTML page as its elements and its text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """The elements and the visible text of a page, which must nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    @property
    def is_self_contained(self) -> bool:
        """Whether the page runs nothing and loads nothing."""
        tags = {tag for tag, _ in self.elements}
        links = self.attributes("src", "href", "xlink:href", "srcset", "data", "poster", "action")
        return (
            not tags & {"script", "link", "iframe", "object", "embed", "base"}
            and all(link.startswith(("#", "data:image/png;base64,")) for link in links)
            and not any(name.startswith("on") for _, attributes in self.elements for name in attributes)
        )

    def attributes(self, *names: str) -> list[str]:
        return [value or "" for _, attrs in self.elements for name, value in attrs.items() if name in names]
