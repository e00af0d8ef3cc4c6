"""What is known of each data set: its classes, colours, folder layout, and the terms that follow for the weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from explorer.metrics import IGNORE
from explorer.weights import ClassInfo


@dataclass(frozen=True)
class DataSet:
    """`images` and `labels` are folders (a label file has the image's stem and ends in .png)."""

    images: str
    labels: str
    instances: bool  # 16-bit maps of single objects instead of class masks
    classes: tuple[ClassInfo, ...]
    values: dict[int, int] = field(default_factory=dict)  # mask value -> class (IGNORE for not judged)
    data: dict[str, str] = field(default_factory=dict)
    licence: dict[str, str] = field(default_factory=dict)


def _class(en: str, ko: str, colour: str) -> ClassInfo:
    red, green, blue = bytes.fromhex(colour)
    return ClassInfo({"en": en, "ko": ko}, (red, green, blue))


NUCLEI = DataSet(
    images="images",
    labels="instances16",
    instances=True,
    classes=(  # Okabe-Ito
        _class("background", "배경", "1A1A1A"),
        _class("nucleus", "세포핵", "56B4E9"),
        _class("touching border", "맞닿은 경계", "E69F00"),
    ),
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
    22: _class("body", "사람 몸", "E8A317"),
    23: _class("boat", "배", "E0E0E0"),
}

MSRC_V2 = DataSet(
    images="images",
    labels="masks",
    instances=False,
    classes=tuple(_EVERYDAY.values()),
    values={value: index for index, value in enumerate(_EVERYDAY)} | dict.fromkeys((0, 5, 8), IGNORE),
    data={
        "en": "MSRC v2 (Microsoft Research Cambridge): part of the published set of everyday photographs of about "
        "320 x 213 pixels. Void pixels, horse and mountain (too rare) are ignored.",
        "ko": "MSRC v2(Microsoft Research Cambridge)의 일부: 약 320 × 213 픽셀의 일상 사진. "
        "무표시 픽셀과 수가 너무 적은 말, 산은 제외.",
    },
    licence={
        "en": "Trained on research data (Microsoft Research Cambridge): non-commercial use only. No image of the set "
        "is redistributed.",
        "ko": "연구용 데이터(Microsoft Research Cambridge)로 학습: 비상업적 용도로만 사용. "
        "데이터의 이미지는 재배포하지 않음.",
    },
)

SETS = {"nuclei": NUCLEI, "msrc_v2": MSRC_V2}
