"""The errors that a person is told of: what cannot be done, why, and what to do."""

from __future__ import annotations

from typing import Any


class ExplorerError(Exception):
    """Input, weights or a machine that cannot be used.

    code     key "error.<code>" of the page's texts, by which it says the same in its language
    message  the English sentence, which str() gives; the code where only the page says it
    details  fill the page's text; plain data
    """

    def __init__(self, code: str, message: str = "", /, **details: Any) -> None:
        super().__init__(message or code)
        self.code, self.details = code, details


class DataError(ValueError):
    """A file that cannot be trained on, or measured with; the message names it."""


def in_words(error: Exception) -> str:
    """What a person reads of an error that stops a command; of one of the system's, which file it is about and why."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
