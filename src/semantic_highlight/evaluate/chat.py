"""A language model behind an OpenAI-compatible endpoint: ``POST <base_url>/chat/completions``."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

from semantic_highlight.errors import EndpointError, InputError

Transport = Callable[[urllib.request.Request, float], bytes]
"""Sends a request, waits so many seconds at most, and returns the body of the response."""

TRIES: Final = 5
BUSY: Final = {408, 409, 425, 429, 500, 502, 503, 504}
"""Statuses after which the same request may succeed."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one side of a chat says.

    Attributes:
        role: ``system``, ``user`` or ``assistant``.
        content: The text.
    """

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, and what that took.

    Attributes:
        text: The text.
        prompt_tokens: Tokens read, as the endpoint counts them; 0 where it does not.
        completion_tokens: Tokens written, likewise.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int


class Chat(Protocol):
    """Anything that replies. ``name`` identifies the model."""

    @property
    def name(self) -> str:
        """The name of the model."""

    def reply(self, messages: Sequence[Message]) -> Reply:
        """Return the reply to a chat."""


def send(request: urllib.request.Request, timeout: float) -> bytes:
    """Send a request and return the body of the response.

    Args:
        request: The request.
        timeout: Seconds to wait at most.

    Raises:
        OSError: If there is none, urllib's HTTPError for a status of 400 and above.
    """
    with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310 - Endpoint checks the scheme
        body: bytes = response.read()
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model of an OpenAI-compatible endpoint, at temperature 0.

    A busy endpoint is asked again, after 1, 2, 4 and 8 seconds.

    Args:
        base_url: For example ``https://api.openai.com/v1`` or ``http://localhost:8000/v1``.
        model: The name of the model there.
        api_key: Sent as a bearer token; none where empty.
        timeout: Seconds to wait for a reply.
        transport: What sends requests.
        sleep: What waits.

    Raises:
        InputError: If the address is none.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    timeout: float = 120.0
    transport: Transport = send
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise InputError(
                f"the endpoint is {self.base_url!r}: give an address that begins with http(s)://"
            )

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.model

    def reply(self, messages: Sequence[Message]) -> Reply:
        """Return the reply to a chat.

        Raises:
            EndpointError: If there is none, or the reply is no chat completion.
        """
        body = {"model": self.model, "messages": [asdict(message) for message in messages], "temperature": 0}
        headers = {"Content-Type": "application/json"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked
            f"{self.base_url.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers
        )
        return _reply(self.base_url, self._sent(request))

    def _sent(self, request: urllib.request.Request) -> bytes:
        for attempt in range(TRIES):
            try:
                return self.transport(request, self.timeout)
            except urllib.error.HTTPError as error:
                if error.code not in BUSY or attempt == TRIES - 1:
                    said = error.read()[:300].decode("utf-8", "replace")
                    msg = f"{self.base_url} refused {self.model!r}: {error.code} {error.reason}: {said}"
                    raise EndpointError(msg) from error
            except OSError as error:
                if attempt == TRIES - 1:
                    raise EndpointError(f"{self.base_url} cannot be reached: {error}") from error
            self.sleep(2.0**attempt)
        raise AssertionError


def _reply(url: str, body: bytes) -> Reply:
    try:
        content: Any = json.loads(body)
        usage = content.get("usage") or {}
        return Reply(
            str(content["choices"][0]["message"]["content"] or ""),
            int(usage.get("prompt_tokens", 0)),
            int(usage.get("completion_tokens", 0)),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise EndpointError(f"{url} sent no chat completion: {body[:200]!r}") from error
