"""Asks a process of this container how it is: `python -m orderbridge.healthcheck [URL]`, for Docker's health checks.

It imports no more than it needs, for it runs every few seconds beside each service.
"""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit

READY = "http://127.0.0.1:8410/readyz"
"""A service's own page on its usual port: ready is who makes progress and waits for nothing."""
_SECONDS = 4.0


def ask(url: str) -> tuple[bool, str]:
    """Whether it answers that it is well, and its words."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status == 200, f"{answer.status} {answer.read(2000).decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer: {type(error).__name__}"
    finally:
        connection.close()


if __name__ == "__main__":
    well, words = ask(*sys.argv[1:] or [READY])
    print(words)
    sys.exit(not well)
