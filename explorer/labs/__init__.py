"""Labs: one experiment a file. Plain settings go in, plain data comes out, computed then and there.

crop    where a network's crops cut, what meets there; `predict` and `sweep`: what other crops would predict
operate  skips set to zero, shifted or swapped
taps    which maps a skip could take; `Streams`: FCN's scores as the sum of what its score layers bring
border  how much of each field is padding, where pixels get lost, which reach which skip; `dependence`: how much the
        output depends on each pixel
field_of_view  what the unit of each step at a place could see; `measure`: how much of that it uses
channels  what 1x1 layers and each level's 3x3 layers cost; `matrix` and `products`: how a 1x1 layer mixes channels
"""

from explorer.labs.channels import ChannelLab, channels, matrix, paper, products
from explorer.labs.crops import CropLab, CropOf, crop, placing
from explorer.labs.dependence import VECTORS, Dependence, dependence
from explorer.labs.field import FieldLab, field_of_view, measure, runner
from explorer.labs.margins import BorderLab, border, stream_weights
from explorer.labs.predicting import Prediction, predict, sweep
from explorer.labs.split import Split, Streams
from explorer.labs.surgery import Cutting, Surgery, operate
from explorer.labs.tapping import SkipTaps, Tap, taps
from explorer.labs.variants import MIRRORED, borders, spec_of, with_border
from explorer.labs.walk import MODES

__all__ = [
    "MIRRORED",
    "MODES",
    "VECTORS",
    "BorderLab",
    "ChannelLab",
    "CropLab",
    "CropOf",
    "Cutting",
    "Dependence",
    "FieldLab",
    "Prediction",
    "SkipTaps",
    "Split",
    "Streams",
    "Surgery",
    "Tap",
    "border",
    "borders",
    "channels",
    "crop",
    "dependence",
    "field_of_view",
    "matrix",
    "measure",
    "operate",
    "paper",
    "placing",
    "predict",
    "products",
    "runner",
    "spec_of",
    "stream_weights",
    "sweep",
    "taps",
    "with_border",
]
