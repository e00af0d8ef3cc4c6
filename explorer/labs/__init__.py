"""Labs: one experiment a file. Plain settings go in, plain data comes out, computed then and there.

crop    where a network's crops cut, what meets there; `predict` and `sweep`: what other crops would predict
operate  skips set to zero, shifted or swapped
taps    which maps a skip could take; `Streams`: FCN's scores as the sum of what its score layers bring
border  how much of each field is padding, where pixels get lost, which reach which skip; `dependence`: how much the
        output depends on each pixel
cam     why this class here: gradient-weighted activation of any step for a class and a region
`scaling`, `scaling_run`, `unpooled`: what poolings buy, beside the same network at full resolution
shift   what of a network's maps and labels moves with the image and what stays; `pooled`: one unit while it moves
field_of_view  what the unit of each step at a place could see; `measure`: how much of that it uses
channels  what 1x1 layers and each level's 3x3 layers cost; `matrix` and `products`: how a 1x1 layer mixes channels
"""

from explorer.labs.channels import ChannelLab, channels, matrix, paper, products
from explorer.labs.crops import CropLab, CropOf, crop, placing
from explorer.labs.dependence import VECTORS, Dependence, dependence
from explorer.labs.field import FieldLab, field_of_view, measure, runner
from explorer.labs.gradcam import Cam, cam
from explorer.labs.margins import BorderLab, border, stream_weights
from explorer.labs.pooling import Pooled, pooled
from explorer.labs.predicting import Prediction, predict, sweep, untouched
from explorer.labs.shared import Layer, layers
from explorer.labs.shifts import Moved, Shifted, Shifts, shift
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
    "Cam",
    "ChannelLab",
    "CropLab",
    "CropOf",
    "Cutting",
    "Dependence",
    "FieldLab",
    "Layer",
    "Moved",
    "Pooled",
    "Prediction",
    "Shifted",
    "Shifts",
    "SkipTaps",
    "Split",
    "Streams",
    "Surgery",
    "Tap",
    "border",
    "borders",
    "cam",
    "channels",
    "crop",
    "dependence",
    "field_of_view",
    "layers",
    "matrix",
    "measure",
    "operate",
    "paper",
    "placing",
    "pooled",
    "predict",
    "products",
    "runner",
    "shift",
    "spec_of",
    "stream_weights",
    "sweep",
    "taps",
    "untouched",
    "with_border",
]
