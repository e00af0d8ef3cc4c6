"""Labs: one experiment a file. Plain settings go in, plain data comes out, computed then and there.

crop    where a network's crops cut, what meets there, and what other crops would predict
"""

from explorer.labs.crops import CropLab, Prediction, crop, placing, predict, sweep
from explorer.labs.surgery import Cutting, Surgery, operate

__all__ = ["CropLab", "Cutting", "Prediction", "Surgery", "crop", "operate", "placing", "predict", "sweep"]
