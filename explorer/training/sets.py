"""What is known of each data set: its classes, colours, folder layout, and the terms that follow for the weights."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from explorer import masks
from explorer.cards import ClassInfo
from explorer.errors import ExplorerError
from explorer.masks import Numbering
from explorer.metrics import IGNORE

FOLDS, SHARE = 5, 0.18  # validation parts of a set that has no published one, and the share of its images in each


@dataclass(frozen=True)
class DataSet:
    """`folders` are pairs (images, labels); a label file has the image's stem and ends in .png.

    With one pair the split follows a rule, with two the second one is the validation split. A set of torchvision has
    no folders of its own: `torchvision` names its class, `parts` its published splits in the same order.
    """

    folders: tuple[tuple[str, str], ...]
    instances: bool  # 16-bit maps of single objects instead of class masks
    classes: tuple[ClassInfo, ...]
    domain: str  # of the cards of what is trained on it
    values: dict[int, int] = field(default_factory=dict)  # mask value -> class (IGNORE for not judged)
    data: dict[str, str] = field(default_factory=dict)
    licence: dict[str, str] = field(default_factory=dict)
    torchvision: str = ""
    root: str = ""  # the folder in which torchvision keeps it
    parts: tuple[str, ...] = ()
    frames: bool = False  # of films, whose names the files' stems begin with, up to "_"

    @property
    def published_validation(self) -> str:
        """The part or folder that validates, of a set that was published with a split; "" of one that has folds."""
        return self.parts[-1] if self.parts else self.folders[1][0] if len(self.folders) > 1 else ""


def _class(en: str, ko: str, colour: str) -> ClassInfo:
    red, green, blue = bytes.fromhex(colour)
    return ClassInfo(en.replace(" ", "_"), {"en": en, "ko": ko}, (red, green, blue))


NUCLEI = DataSet(
    folders=(("images", "instances16"),),
    instances=True,
    classes=(  # Okabe-Ito
        _class("background", "배경", "1A1A1A"),
        _class("nucleus", "세포핵", "56B4E9"),
        _class("touching border", "맞닿은 경계", "E69F00"),
    ),
    domain="nuclei",
    data={
        "en": "Nuclei of the 2018 Data Science Bowl (BBBC038, Broad Institute) with corrected labels: part of the "
        "published set, fluorescence, bright-field and stained micrographs.",
        "ko": "2018 Data Science Bowl 세포핵 데이터(BBBC038, Broad Institute)의 수정 라벨본 가운데 일부: "
        "형광, 명시야, 염색 현미경 이미지.",
    },
    licence={
        "en": "Images: CC0. Weights: CC0, free for any use.",
        "ko": "이미지: CC0. 가중치: CC0, 용도 제한 없음.",
    },
)

_EVERYDAY = {  # mask value of MSRC v2 -> class
    1: _class("building", "건물", "A0522D"),
    2: _class("grass", "풀밭", "3CB44B"),
    3: _class("tree", "나무", "0B5D1E"),
    4: _class("cow", "소", "7B3F9E"),
    6: _class("sheep", "양", "F3E5AB"),
    7: _class("sky", "하늘", "87CEEB"),
    9: _class("aeroplane", "비행기", "1F3A93"),
    10: _class("water", "물", "0077B6"),
    11: _class("face", "얼굴", "FFB48A"),
    12: _class("car", "자동차", "E6194B"),
    13: _class("bicycle", "자전거", "F58231"),
    14: _class("flower", "꽃", "FF4FC3"),
    15: _class("sign", "표지판", "FFE119"),
    16: _class("bird", "새", "46F0F0"),
    17: _class("book", "책", "800000"),
    18: _class("chair", "의자", "808000"),
    19: _class("road", "도로", "6E6E6E"),
    20: _class("cat", "고양이", "B983FF"),
    21: _class("dog", "개", "BFEF45"),
    22: _class("body", "몸", "E8A317"),
    23: _class("boat", "배", "E0E0E0"),
}

MSRC_V2 = DataSet(
    folders=(("images", "masks"),),
    instances=False,
    classes=tuple(_EVERYDAY.values()),
    domain="everyday",
    values={value: index for index, value in enumerate(_EVERYDAY)} | dict.fromkeys((0, 5, 8), IGNORE),
    data={
        "en": "MSRC v2 (Microsoft Research Cambridge): part of the published set of everyday photographs of about "
        "320 x 213 pixels. Void pixels, horse and mountain (too rare) are ignored.",
        "ko": "MSRC v2(Microsoft Research Cambridge)의 일부: 약 320 × 213 픽셀의 일상 사진. "
        "라벨 없는(void) 픽셀과 수가 너무 적은 말, 산 클래스는 학습과 평가에서 무시.",
    },
    licence={
        "en": "Trained on research data (Microsoft Research Cambridge): non-commercial use only. No image of the set "
        "is redistributed.",
        "ko": "연구용 데이터(Microsoft Research Cambridge)로 학습: 비상업적 용도로만 사용. "
        "데이터의 이미지는 재배포하지 않음.",
    },
)

# CamVid's value -> the everyday class that looks the same; pole, fence, rider with bicycle and unlabelled have none
_ROAD_SCENE = {0: "sky", 1: "building", 3: "road", 4: "road", 5: "tree", 6: "sign", 8: "car", 9: "body"}
_IDS = [info.id for info in MSRC_V2.classes]

CAMVID = DataSet(
    folders=(("train", "trainannot"), ("val", "valannot")),
    instances=False,
    classes=MSRC_V2.classes,
    domain="everyday",
    values={value: _IDS.index(_ROAD_SCENE[value]) if value in _ROAD_SCENE else IGNORE for value in range(12)},
    data={
        "en": "CamVid (Cambridge-driving Labeled Video Database): road scenes of 480 x 360 pixels, their classes read "
        "as everyday ones (pavement as road, pedestrian as body); pole, fence and bicyclist are ignored.",
        "ko": "CamVid(Cambridge-driving Labeled Video Database): 480 × 360 픽셀의 도로 장면. 클래스는 일상 클래스로 "
        "옮김(보도는 도로, 보행자는 몸). 기둥, 울타리, 자전거 탄 사람은 무시.",
    },
    licence={
        "en": "Trained on research data (CamVid) without a clear licence: non-commercial use only. No image of the set "
        "is redistributed.",
        "ko": "라이선스가 분명하지 않은 연구용 데이터(CamVid)로 학습: 비상업적 용도로만 사용. "
        "데이터의 이미지는 재배포하지 않음.",
    },
    frames=True,
)


def _voc_colour(index: int) -> tuple[int, int, int]:
    """Colour of the VOC devkit: the index's bits, three at a time, are the high bits of red, green and blue."""
    red, green, blue = (sum((index >> (3 * i + c) & 1) << (7 - i) for i in range(8)) for c in range(3))
    return red, green, blue


_VOC = (
    "background 배경, aeroplane 비행기, bicycle 자전거, bird 새, boat 배, bottle 병, bus 버스, car 자동차, cat 고양이, "
    "chair 의자, cow 소, dining_table 식탁, dog 개, horse 말, motorbike 오토바이, person 사람, potted_plant 화분, "
    "sheep 양, sofa 소파, train 기차, tv/monitor TV·모니터"
)

VOC = DataSet(
    folders=(),
    instances=False,
    classes=tuple(
        ClassInfo(en.replace("/", "_"), {"en": en.replace("_", " "), "ko": ko}, _voc_colour(i))
        for i, (en, ko) in enumerate(pair.split(" ", 1) for pair in _VOC.split(", "))
    ),
    domain="everyday",
    values={i: i for i in range(21)} | {255: IGNORE},
    data={
        "en": "PASCAL VOC 2012, segmentation (Everingham et al.), training part. The void line around objects is "
        "ignored.",
        "ko": "PASCAL VOC 2012 분할 데이터(Everingham 외)의 학습용 부분. 물체 둘레의 라벨 없는 선은 무시.",
    },
    licence={
        "en": "Trained on photographs from Flickr under the terms of the VOC challenge: research use.",
        "ko": "VOC 챌린지 조건이 적용되는 Flickr 사진으로 학습: 연구용.",
    },
    torchvision="VOCSegmentation",
    root="VOCdevkit",
    parts=("train", "val"),
)

PETS = DataSet(
    folders=(),
    instances=False,
    classes=(_class("background", "배경", "1A1A1A"), _class("pet", "반려동물", "E69F00")),
    domain="everyday",
    values={1: 1, 2: 0, 3: IGNORE},
    data={
        "en": "Oxford-IIIT Pet (Parkhi et al. 2012), training part; the line between pet and background is ignored.",
        "ko": "Oxford-IIIT Pet(Parkhi 외, 2012)의 학습용 부분. 반려동물과 배경 사이의 선은 무시.",
    },
    licence={
        "en": "Images: CC BY-SA 4.0. Weights: CC BY-SA 4.0.",
        "ko": "이미지: CC BY-SA 4.0. 가중치: CC BY-SA 4.0.",
    },
    torchvision="OxfordIIITPet",
    root="oxford-iiit-pet",
    parts=("trainval", "test"),
)

SETS = {"nuclei": NUCLEI, "msrc_v2": MSRC_V2, "camvid": CAMVID, "voc2012": VOC, "pets": PETS}
NUMBERINGS = ("card", *(name for name, known in SETS.items() if known.values))  # that can be declared by name


def numberings(classes: Sequence[ClassInfo]) -> list[Numbering]:
    """Those of the data sets that have these classes."""
    ids = [info.id for info in classes]
    fitting = {name: known.values for name, known in SETS.items() if [info.id for info in known.classes] == ids}
    return [Numbering(name, values) for name, values in fitting.items() if values]


def declared(name: str | None, folders: Iterable[Path], classes: Sequence[ClassInfo]) -> Numbering | None:
    """The numbering that is declared by name ("card", or a data set's), or by a file in one of the folders; None if
    there is no such file. Raises ExplorerError."""
    if name is None:
        return masks.declared(folders, classes)
    known = {"card": masks.in_order(len(classes))} | {one.name: one for one in numberings(classes)}
    if name not in known:
        raise ExplorerError("truth_numbers", f"the numbers of {name} are those of other classes", name=name)
    return known[name]


def numbers_option(parser: argparse.ArgumentParser) -> None:
    """What the numbers in files of true labels mean."""
    parser.add_argument(
        "--numbers",
        choices=NUMBERINGS,
        help="what the numbers in files of true labels mean: the classes in the card's order, or those of a data set "
        "(default: what a classes.json beside the files says; else the usual)",
    )
