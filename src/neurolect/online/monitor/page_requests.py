"""What a page may ask: bodies of requests, and how one is refused."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MAX_REQUEST_BYTES = 65_536
MAX_CORRECTION = 2_000
"""Longest sentence that a person may write, in characters."""


class RefusalError(Exception):
    """A request that is answered with a status and a line.

    Args:
        status: of HTTP.
        text: the line.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


async def refusal(_: Request, error: Exception) -> Response:
    """The answer to a request that is refused."""
    assert isinstance(error, RefusalError), "it is called for no other"
    return JSONResponse({"said": str(error)}, error.status)


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that a page has sent.

    Raises:
        RefusalError: it is none, or too long. Other types than JSON, which any page could send, are refused too.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise RefusalError(415, "send application/json")
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_REQUEST_BYTES:
            raise RefusalError(413, f"at most {MAX_REQUEST_BYTES} bytes are taken")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise RefusalError(400, "this is no JSON") from None
    if not isinstance(body, dict):
        raise RefusalError(400, "this is no JSON object")
    return body


def sentence_in(text: Any) -> str:
    """What a person wrote, with single spaces between words.

    Raises:
        RefusalError: it is no text, too long, or holds what nobody can write.
    """
    words = " ".join(text.split()) if isinstance(text, str) else None
    if (
        words is None
        or len(words) > MAX_CORRECTION
        or any(unicodedata.category(each) in ("Cc", "Cs") for each in words)
    ):
        raise RefusalError(422, f"write what was said, in at most {MAX_CORRECTION} characters")
    return words
