"""The commands of `python -m explorer`, one a file: each has `add(parser)` and `run(given) -> exit code`."""


class CommandError(ValueError):
    """What was asked for does not make sense; the text is an English sentence."""
