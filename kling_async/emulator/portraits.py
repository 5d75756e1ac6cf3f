# The hints of Pillow name types of libraries that it does not need and that are not there.
# pyright: reportUnknownMemberType=false
"""
People as far as the emulator knows them: thumbnails of faces, and cut-outs of a picture with the rest transparent.

A cut-out takes the outline of a person in the middle of the picture; it recognises nothing. Always PNG.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from .media import CutoutWork, Part, PortraitWork
from .pictures import open_picture
from .scenery import PALETTES, landscape

Box = tuple[float, float, float, float]
SKIN: Final = ((241, 194, 155), (224, 172, 125), (198, 134, 86), (141, 85, 54), (92, 56, 38))
HAIR: Final = ((35, 26, 22), (90, 56, 37), (168, 122, 67), (120, 120, 124))

# Shares of the picture: where the parts of a person are whose portrait fills it.
HEAD: Final[Box] = (0.34, 0.08, 0.66, 0.52)
FACE: Final[Box] = (0.38, 0.17, 0.62, 0.50)
TRUNK: Final[Box] = (0.16, 0.54, 0.84, 1.30)


def portrait(work: PortraitWork) -> bytes:
    """The thumbnail of a face."""
    random = Random(work.seed)
    palette = random.choice(PALETTES)
    side = work.side
    canvas = Image.new("RGB", (side, side), palette.horizon)
    draw = ImageDraw.Draw(canvas)
    skin, hair = random.choice(SKIN), random.choice(HAIR)
    draw.ellipse(_scaled((0.08, 0.78, 0.92, 1.5), side, side), fill=palette.near)
    draw.ellipse(_scaled((0.22, 0.06, 0.78, 0.80), side, side), fill=hair)
    draw.ellipse(_scaled((0.27, 0.20, 0.73, 0.88), side, side), fill=skin)
    for x in (0.39, 0.61):
        draw.ellipse(_scaled((x - 0.045, 0.46, x + 0.045, 0.52), side, side), fill=(250, 250, 250))
        draw.ellipse(_scaled((x - 0.02, 0.465, x + 0.02, 0.515), side, side), fill=(40, 36, 40))
    smile = random.uniform(20, 50)
    draw.arc(
        _scaled((0.40, 0.56, 0.60, 0.74), side, side), smile, 180 - smile, fill=(140, 60, 60), width=side // 60 + 1
    )
    return _png(canvas)


def cut_out(work: CutoutWork, source: bytes | None) -> bytes:
    """The part of the picture, everything else transparent."""
    size = (work.width, work.height)
    given = open_picture(source)
    picture = landscape(*size, Random(work.seed)) if given is None else ImageOps.fit(given, size)
    stencil = Image.new("L", size, 0)
    PARTS[work.part](ImageDraw.Draw(stencil), work.width, work.height)
    rest = Image.new("RGBA", size, (0, 0, 0, 0))
    rest.paste(picture, (0, 0), stencil)
    return _png(rest)


def _face(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.ellipse(_scaled(FACE, width, height), fill=255)


def _head(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.ellipse(_scaled(HEAD, width, height), fill=255)


def _clothes(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.ellipse(_scaled(TRUNK, width, height), fill=255)
    draw.ellipse(_scaled((0.42, 0.46, 0.58, 0.60), width, height), fill=0)


def _person(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.ellipse(_scaled(TRUNK, width, height), fill=255)
    draw.rectangle(_scaled((0.44, 0.45, 0.56, 0.62), width, height), fill=255)
    _head(draw, width, height)


PARTS: Final[dict[Part, Callable[[ImageDraw.ImageDraw, int, int], None]]] = {
    "object_seg": _person,
    "head_seg": _head,
    "face_seg": _face,
    "cloth_seg": _clothes,
}


def _scaled(box: Box, width: int, height: int) -> Box:
    left, top, right, bottom = box
    return left * width, top * height, right * width, bottom * height


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=3)
    return file.getvalue()
