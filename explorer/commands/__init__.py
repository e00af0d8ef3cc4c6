"""The commands of `python -m explorer`, one a file: each has `add(parser)` and `run(given) -> exit code`."""
