# The hints of Pillow name types of libraries that it does not need and that are not there.
# pyright: reportUnknownMemberType=false
"""
Words on pictures: the prompt in a translucent band, model and number in a corner, the watermark. Draws, never saves.

The font is Pillow's own. Where it lacks the letters (Chinese, say) the usual fonts of the system are tried.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Wide coverage first; Pillow looks them up where the system keeps its fonts.
FONTS: Final = ("NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc", "DroidSansFallbackFull.ttf", "DejaVuSans.ttf")
LAST_OWN_LETTER: Final = 0x17F
MOST_LINES: Final = 4
WHITE: Final = (255, 255, 255, 255)
SHADE: Final = (10, 12, 24)


def letter(picture: Image.Image, title: str, corner: str, *, marked: bool) -> Image.Image:
    """The picture with everything written on it."""
    canvas = picture.convert("RGB")
    overlay, place = band(canvas.size, title, corner)
    canvas.paste(overlay, place, overlay)
    if marked:
        mark = watermark(canvas.size)
        canvas.paste(mark, (0, 0), mark)
    return canvas


def band(size: tuple[int, int], title: str, corner: str) -> tuple[Image.Image, tuple[int, int]]:
    """The strip with the words, to be pasted at the returned place; a video pastes one on every frame."""
    width, height = size
    unit = math.sqrt(width * height)
    margin = round(unit * 0.04)
    large, small = max(round(unit * 0.038), 10), max(round(unit * 0.022), 8)
    title, corner = _drawable(title), _drawable(corner)
    lines = wrap(title, font_for(title, large), width - 2 * margin)
    leading = round(large * 1.3)
    text_height = leading * len(lines) + (margin // 3 if lines else 0)
    strip = Image.new("RGBA", (width, text_height + round(small * 1.2) + margin), (*SHADE, 0))
    fade = Image.linear_gradient("L").resize((1, margin)).resize((width, margin))
    strip.paste((*SHADE, 150), (0, 0, *strip.size))
    alpha = strip.getchannel("A")
    alpha.paste(fade.point([value * 150 // 255 for value in range(256)]), (0, 0))
    strip.putalpha(alpha)
    draw = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        draw.text((margin, margin // 2 + number * leading), line, font=font_for(title, large), fill=WHITE)
    draw.text(
        (width - margin, strip.height - margin // 3),
        corner,
        font=font_for(corner, small),
        fill=(255, 255, 255, 190),
        anchor="rb",
    )
    return strip, (0, height - strip.height)


def watermark(size: tuple[int, int]) -> Image.Image:
    """A mark that nobody overlooks, to be pasted over everything; a video pastes one on every frame."""
    overlay = Image.new("RGBA", size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(overlay)
    height = max(min(size) // 22, 10)
    font = font_for("", height)
    for row, y in enumerate(range(height, size[1], height * 5)):
        for x in range(-height * 4 * (row % 2), size[0], height * 10):
            draw.text((x, y), "KLING EMULATOR", font=font, fill=(255, 255, 255, 96))
    return overlay


def wrap(text: str, font: Font, width: int) -> list[str]:
    """The text in lines that fit; what does not fit into the lines there are ends in an ellipsis."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < MOST_LINES:
        end = _fitting(rest, font, width)
        lines.append(rest[:end].strip())
        rest = rest[end:].strip()
    if rest:
        lines[-1] = lines[-1][:-1].rstrip() + "\u2026"
    return lines


def _fitting(text: str, font: Font, width: int) -> int:
    """How many letters fit: up to a space if there is one, anywhere in scripts that have none."""
    low, high = 1, min(len(text), 400)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    if low == len(text):
        return low
    space = text.rfind(" ", 0, low + 1)
    return space if space > 0 else low


@lru_cache(maxsize=64)
def _font(size: int, *, own: bool) -> Font:
    for name in () if own else FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue  # not on this system
    return ImageFont.load_default(size)


def font_for(text: str, size: int) -> Font:
    """A font that has the letters of the text, as far as there is one."""
    return _font(size, own=all(ord(character) <= LAST_OWN_LETTER or character == "\u2026" for character in text))


def _drawable(text: str) -> str:
    """Without what no font can draw: control characters and halves of surrogate pairs."""
    return "".join(
        character if character.isprintable() and not "\ud800" <= character <= "\udfff" else " " for character in text
    ).strip()
