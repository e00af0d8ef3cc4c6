"""The commands of `python -m explorer`, one a file: each has `add(parser)` and `run(given) -> exit code`. `accuracy`
puts figures into words for two of them, `plainly` the data of labs into JSON and tables,
and `lab_scale` is one of the labs of `lab`.
"""

import argparse

from explorer.models import MODELS

FULL = 2**31 - 1  # a size that no image exceeds: its own


class CommandError(ValueError):
    """What was asked for does not make sense; the text is an English sentence."""


def network_options(parser: argparse.ArgumentParser) -> None:
    """Which network runs, and on what."""
    parser.add_argument("--model", choices=sorted(MODELS), default="fcn8s", help="network (default: fcn8s)")
    parser.add_argument(
        "--weights",
        metavar="NAME",
        help='bundled checkpoint, path of one, or "random" (full width); default: those for what the image shows',
    )
    parser.add_argument(
        "--padding", help="paper, same or valid (default: the paper's, if the weights were trained in it)"
    )
    parser.add_argument("--page", type=int, default=1, help="page of a TIFF (default: 1)")
    parser.add_argument(
        "--channels",
        type=_channels,
        metavar="N[,N,N]",
        help="of an image with more than its colours: one, as grey, or three, as red, green and blue (default: the "
        "colours, else the first)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def size_option(parser: argparse.ArgumentParser) -> None:
    """At what size images are run."""
    parser.add_argument(
        "--size",
        type=_size,
        metavar="N",
        help='run on a copy with this longer side, or at its own size ("full"); default: as on the page, at its own, '
        "or at that of the photographs trained on where an image is much larger",
    )


def _size(text: str) -> int:
    if text == "full":
        return FULL
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'a number of pixels from 1 on is needed, or "full", not {text!r}')
    return int(text)


def _channels(text: str) -> tuple[int, ...]:
    """Numbers from 1, commas between, as numbers from 0."""
    parts = text.split(",")
    if len(parts) not in (1, 3) or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError("one channel, or three with commas between, from 1")
    return tuple(int(part) - 1 for part in parts)
