"""What can become of sending, other than that it went well: the two errors that `send` raises."""


class Retry(Exception):
    """It may go well later: the other end is away, busy, or not set up yet."""

    def __init__(self, said: str, after_s: float | None = None) -> None:
        super().__init__(said)
        self.after_s = after_s
        """When the other end wants to be asked again, if it said so."""


class Reject(Exception):
    """It will never go well as it is: the other end has looked at it and said no."""
