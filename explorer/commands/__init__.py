"""The commands of `python -m explorer`, one a file: each has `add(parser)` and `run(given) -> exit code`. `accuracy`
puts figures into words for two of them.
"""


class CommandError(ValueError):
    """What was asked for does not make sense; the text is an English sentence."""
