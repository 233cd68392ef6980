"""What a test reads of a page."""

import re
from html.parser import HTMLParser

from starlette.testclient import TestClient

FILES = re.compile(
    r"/static/(mark\.svg\?v=\w+|vendor/bootstrap-[\d.]+\.min\.css|roundsman\.css\?v=\w+|vendor/htmx-[\d.]+\.min\.js"
    r"|vendor/htmx-ext-sse-[\d.]+\.min\.js|(roundsman|signature|round)\.js\?v=\w+)"
)
OF_EVERY_PAGE = 6


def page(client: TestClient, path: str, **headers: str) -> str:
    """The HTML of a page that is there."""
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def words_of(html: str) -> str:
    """What a person reads of the page's content, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", html.partition("<main")[2].partition(">")[2]).split())


class Loads(HTMLParser):
    """What a page loads, and what it would run or paint by itself."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object", "embed"):
            self.loads.append(named.get("href") or named.get("src") or "inline")
        self.inline += [name for name in named if name == "style" or name.startswith(("on", "hx-on", "data-hx-on"))]
        if tag == "style":
            self.inline.append(tag)

    def is_ours(self) -> bool:
        """Whether it loads our own files and nothing else, and brings no style or code in itself."""
        shared = [one for one in self.loads if "signature" not in one]  # that one is of the page of a ticket
        return not self.inline and len(shared) == OF_EVERY_PAGE and all(FILES.fullmatch(one) for one in self.loads)
