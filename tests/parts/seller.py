"""A seller at the sandbox's Seller Central: fills in its pages as a browser would, without scripts."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests


class _Forms(HTMLParser):
    """The forms of a page: each its action and the fields that it sends without anybody's doing."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.found.append((given.get("action", ""), {}))
        elif tag == "input" and given.get("type") == "hidden":
            self.found[-1][1][given["name"]] = given["value"]


class Seller:
    """One browser. It stops at the first address that is not the sandbox's: the application's own."""

    def __init__(self, sandbox_url: str) -> None:
        self._sandbox = sandbox_url
        self._session = requests.Session()
        self.page = requests.Response()
        self.sent_to: str | None = None
        """Where the sandbox has sent the browser, away from itself."""

    def open(self, url: str) -> str:
        """Go to a page; returns its text."""
        return self._follow(self._session.get(url, allow_redirects=False, timeout=10))

    def submit(self, *, form: int = 0, **fields: str) -> str:
        """Send the form with that number on the page; returns the next page's text."""
        action, hidden = _Forms(self.page.text).found[form]
        url = urljoin(self.page.url, action)
        return self._follow(self._session.post(url, {**hidden, **fields}, allow_redirects=False, timeout=10))

    def sign_in(self, email: str, code: str | None = None, password: str = "sandbox-password") -> str:
        """Through the sign-in, and the code where one is given."""
        text = self.submit(email=email, password=password)
        return text if code is None else self.submit(code=code)

    def authorise(self, url: str, email: str, code: str | None = None) -> dict[str, str]:
        """The whole way from the application's link; returns what comes back to the application."""
        if "Sign in to Seller Central" in self.open(url):
            self.sign_in(email, code)
        assert "You are almost done authorizing" in self.submit(agree="yes", answer="confirm")
        self.submit()
        return self.callback()

    def callback(self) -> dict[str, str]:
        """The query with which the browser was sent back to the application."""
        assert self.sent_to is not None, self.page.text
        return dict(parse_qsl(urlsplit(self.sent_to).query))

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def _follow(self, answer: requests.Response) -> str:
        self.sent_to = None
        while answer.status_code in (302, 303):
            url = urljoin(answer.url, answer.headers["Location"])
            if not url.startswith(f"{self._sandbox}/"):
                self.sent_to = url
                break
            answer = self._session.get(url, allow_redirects=False, timeout=10)
        self.page = answer
        return answer.text
