# The hints of Pillow name types of libraries that it does not need and that are not there.
# pyright: reportUnknownMemberType=false
"""Pictures as files: scenery or the input picture, the words, the mark, encoded as PNG or JPEG."""

from __future__ import annotations

import io
from random import Random
from typing import Final

from PIL import Image, ImageOps

from .lettering import letter
from .masks import grow, things
from .media import Marks, PictureForm, PictureWork
from .scenery import landscape, tint

MARK_COLOUR: Final = (40, 220, 110)
MARKED: Final = 150
"""How opaque a marked thing is tinted, of 255."""


def draw(work: PictureWork, source: bytes | None, form: PictureForm) -> bytes:
    """The file of a picture."""
    random = Random(work.seed)
    size = (work.width, work.height)
    given = open_picture(source)
    if given is None:
        picture = landscape(*size, random)
    elif work.view:
        picture = _seen_from(given, work.view, size)
    else:
        picture = tint(ImageOps.fit(given, size, Image.Resampling.BICUBIC), random)
    corner = " \u00b7 ".join(part for part in (work.model, work.label) if part)
    if work.marks:
        paint_marks(picture, marked_overlay(size, work.marks, work.seed))
    lettered = letter(picture, work.title, corner, marked=work.marked)
    file = io.BytesIO()
    if form == "png":
        lettered.save(file, "PNG", compress_level=3)
    else:
        lettered.save(file, "JPEG", quality=88)
    return file.getvalue()


def open_picture(source: bytes | None) -> Image.Image | None:
    """The input picture, if there is one and it can be read to the end."""
    if source is None:
        return None
    try:
        with Image.open(io.BytesIO(source), formats=("PNG", "JPEG")) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # a header was enough to be accepted; the rest may be damaged


def marked_overlay(size: tuple[int, int], marks: Marks, seed: str) -> Image.Image:
    """Where the things around some clicks are, for ``paint_marks``."""
    stencil = Image.new("L", size, 0)
    for group in things(marks):
        pixels = bytes(grow(group, *size, seed=seed).pixels())
        stencil.paste(255, (0, 0), Image.frombytes("L", size, pixels))
    return stencil.point([value * MARKED // 255 for value in range(256)])


def paint_marks(picture: Image.Image, overlay: Image.Image) -> None:
    """Tint the marked things on a picture."""
    picture.paste(MARK_COLOUR, (0, 0), overlay)


def _seen_from(given: Image.Image, view: int, size: tuple[int, int]) -> Image.Image:
    """Another view of a thing, as far as one picture can give it: turned, mirrored, nearer."""
    turned = given.rotate((view * 7) % 23 - 11, Image.Resampling.BICUBIC, expand=False)
    nearer = ImageOps.crop(turned, int(min(turned.size) * (0.12 + 0.02 * view)))
    mirrored = ImageOps.mirror(nearer) if view % 2 else nearer
    return ImageOps.fit(mirrored, size, Image.Resampling.BICUBIC)
