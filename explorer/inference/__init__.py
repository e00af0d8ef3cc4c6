"""Where and how a network is run on an image: device, normalisation, mirror padding to a legal size, tiles, labels.

Three frames are named. "original": the image as read. "resized": at the working size. "network": what the network
gets, the resized image with a mirrored border where the network needs one. Boxes are mapped exactly between them.
"""

from explorer.inference.calibrate import calibrate, speed_of
from explorer.inference.canvas import Canvas, Prepared, normalise, prepare
from explorer.inference.devices import (
    DTYPES,
    device_name,
    devices,
    free_memory,
    has_bfloat16,
    pick_device,
    pick_precision,
    precisions,
)
from explorer.inference.enlarge import labels_at
from explorer.inference.forecast import Forecast
from explorer.inference.frames import Frame, Frames, Placement, network_fields, placement
from explorer.inference.label import Labelling, Outputs, Progress, Remark, label
from explorer.inference.networks import on_device
from explorer.inference.plan import DEFAULTS, Plan, RunOptions, plan
from explorer.inference.run import Segmentation, trace_and_label
from explorer.inference.speed import Speed

__all__ = [
    "DEFAULTS",
    "DTYPES",
    "Canvas",
    "Forecast",
    "Frame",
    "Frames",
    "Labelling",
    "Outputs",
    "Placement",
    "Plan",
    "Prepared",
    "Progress",
    "Remark",
    "RunOptions",
    "Segmentation",
    "Speed",
    "calibrate",
    "device_name",
    "devices",
    "free_memory",
    "has_bfloat16",
    "label",
    "labels_at",
    "network_fields",
    "normalise",
    "on_device",
    "pick_device",
    "pick_precision",
    "placement",
    "plan",
    "precisions",
    "prepare",
    "speed_of",
    "trace_and_label",
]
