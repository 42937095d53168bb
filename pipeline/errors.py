"""Errors named by what the caller does next."""

from collections.abc import Mapping


class CasestreamError(Exception):
    """Base of all errors that Casestream raises on purpose."""


class Retry(CasestreamError):
    """Try the same again later; nothing was changed."""


class Reject(CasestreamError):
    """Tell the sender no, and why; nothing was kept.

    `status` is the code of the source's own protocol (SMTP 550, HTTP 422); `errors` says what is wrong by field.
    """

    def __init__(self, status: int, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = dict(errors or {})


class Stop(CasestreamError):
    """Going on would lose or double something; a person must look."""


class Fenced(Retry):
    """Another process does this now; end, and stand by when started again."""
