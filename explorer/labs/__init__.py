"""Labs: one experiment a file. Plain settings go in, plain data comes out, computed then and there.

crop    where a network's crops cut, what meets there; `predict` and `sweep`: what other crops would predict
operate  skips set to zero, shifted or swapped
taps    which maps a skip could take; `Streams`: FCN's scores as the sum of what its score layers bring
"""

from explorer.labs.crops import CropLab, CropOf, Prediction, crop, placing, predict, sweep
from explorer.labs.split import Split, Streams
from explorer.labs.surgery import Cutting, Surgery, operate
from explorer.labs.tapping import SkipTaps, Tap, taps
from explorer.labs.walk import MODES

__all__ = [
    "MODES",
    "CropLab",
    "CropOf",
    "Cutting",
    "Prediction",
    "SkipTaps",
    "Split",
    "Streams",
    "Surgery",
    "Tap",
    "crop",
    "operate",
    "placing",
    "predict",
    "sweep",
    "taps",
]
