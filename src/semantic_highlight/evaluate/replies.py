"""Replies of language models kept on disk: a run that broke off goes on, and a second costs nothing."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.chat import Chat, Message, Reply
from semantic_highlight.records import decode_line, read_lines


class ReplyFile:
    """Replies in a JSONL file, one a line, keyed by a hash of the model and the messages.

    Safe to use from threads. A line that was cut off is passed over.

    Args:
        path: The file; made where it is not there.

    Raises:
        InputError: If the file is something else, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._replies = dict(_read(path)) if path.exists() else {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                if file.tell() and path.read_bytes()[-1:] != b"\n":
                    file.write(b"\n")  # what was cut off must not spoil the next line
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}; give another file") from error

    def get(self, key: str) -> Reply | None:
        """Return the reply of a key, None where there is none."""
        return self._replies.get(key)

    def put(self, key: str, model: str, reply: Reply) -> None:
        """File a reply."""
        line = json.dumps({"key": key, "model": model, **asdict(reply)}) + "\n"
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            self._replies[key] = reply


class CachedChat:
    """Takes a reply from a file where it is there, and files it where it is not.

    Args:
        chat: What replies where the file does not.
        replies: The file; several chats may share it.
    """

    def __init__(self, chat: Chat, replies: ReplyFile) -> None:
        self._chat = chat
        self._replies = replies

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._chat.name

    def reply(self, messages: Sequence[Message]) -> Reply:
        """Return the reply that is on file, or ask for it and file it."""
        content = json.dumps([self.name, *(asdict(message) for message in messages)])
        key = hashlib.sha256(content.encode()).hexdigest()
        if (known := self._replies.get(key)) is not None:
            return known
        reply = self._chat.reply(messages)
        self._replies.put(key, self.name, reply)
        return reply


def _read(path: Path) -> Iterator[tuple[str, Reply]]:
    good = bad = 0
    for _, line in read_lines(path):
        try:
            row = decode_line(line)
            yield str(row["key"]), Reply(row["text"], row["prompt_tokens"], row["completion_tokens"])
            good += 1
        except (InputError, LookupError, TypeError):
            bad += 1
    if bad and not good:
        raise InputError(f"{path} is no file of replies: give another, or a new one")
