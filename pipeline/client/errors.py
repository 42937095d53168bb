"""What can keep a consumer from its events, by what comes next."""


class Away(Exception):  # noqa: N818  # the names say what the caller does next
    """The desk or Kafka does not answer; the consumer comes back by itself, after `seconds` if they were told."""

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Refused(Exception):  # noqa: N818  # the same
    """The desk says no: the token is wrong, or what was asked for. A person must look."""


class Gone(Exception):  # noqa: N818  # the same
    """What comes after the checkpoint is not kept any more, or was never told.

    Forget the copy and the checkpoint (`await checkpoint.forget()`), and begin anew.
    """
