# The hints of Pillow name types of libraries that it does not need and that are not there.
# pyright: reportUnknownMemberType=false
"""
Backgrounds: skies, hills, seas and shapes in a seeded palette, a little wider than the frame if a camera is to move.

Drawn at twice the size and reduced, which is what makes edges soft. No text, no files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import attrs
from PIL import Image, ImageChops, ImageDraw, ImageOps

Colour = tuple[int, int, int]


@attrs.frozen
class Palette:
    """The colours of one mood, from the top of the sky to the nearest hill."""

    zenith: Colour
    middle: Colour
    horizon: Colour
    light: Colour
    far: Colour
    near: Colour
    stars: bool = False


PALETTES: Final = (
    Palette((38, 44, 94), (158, 86, 128), (255, 178, 122), (255, 231, 186), (171, 98, 128), (34, 24, 56)),  # dusk
    Palette((90, 158, 214), (158, 206, 230), (252, 238, 208), (255, 252, 236), (136, 178, 186), (24, 70, 74)),  # noon
    Palette((12, 18, 52), (34, 52, 104), (92, 116, 160), (240, 244, 255), (52, 72, 120), (8, 12, 32), stars=True),
    Palette((250, 188, 164), (252, 214, 186), (255, 240, 214), (255, 255, 246), (222, 156, 148), (96, 52, 74)),  # rose
    Palette((16, 58, 74), (42, 122, 124), (190, 222, 176), (255, 250, 206), (62, 132, 122), (10, 36, 44)),  # lagoon
    Palette((64, 28, 74), (178, 52, 84), (255, 146, 72), (255, 226, 140), (150, 46, 84), (36, 10, 40)),  # ember
    Palette((206, 214, 226), (226, 230, 234), (248, 242, 232), (255, 255, 255), (168, 184, 200), (52, 70, 92)),  # mist
)


def landscape(width: int, height: int, random: Random) -> Image.Image:
    """A picture of the given size."""
    scale = 2 if width * height <= 2_500_000 else 1  # softening a large picture costs much and shows little
    palette = random.choice(PALETTES)
    canvas = _sky(width * scale, height * scale, palette)
    paint = random.choice(SCENES)
    paint(canvas, palette, random)
    return canvas.reduce(scale) if scale > 1 else canvas


def tint(picture: Image.Image, random: Random) -> Image.Image:
    """A given picture in the light of a palette: what became of an input picture should be seen to be new."""
    palette = random.choice(PALETTES)
    graded = ImageOps.colorize(ImageOps.grayscale(picture), palette.near, palette.light, palette.far)
    return Image.blend(picture.convert("RGB"), graded, 0.35)


def _sky(width: int, height: int, palette: Palette) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((1, height), Image.Resampling.BICUBIC).resize((width, height))
    return ImageOps.colorize(ramp, palette.zenith, palette.horizon, palette.middle, midpoint=150)


def _sun(canvas: Image.Image, palette: Palette, random: Random, *, y: float) -> tuple[int, int]:
    """A disc with a glow around it; returns where its centre is."""
    unit = min(canvas.size)
    x = int(canvas.width * random.uniform(0.2, 0.8))
    centre = (x, int(canvas.height * y))
    radius = int(unit * random.uniform(0.07, 0.12))
    glow = radius * 7
    # The gradient of Pillow reaches the corners of its square; the glow must be gone at the edges already.
    halo = ImageChops.invert(Image.radial_gradient("L").resize((glow, glow))).point(
        [max(value - 75, 0) ** 2 // 190 for value in range(256)]
    )
    canvas.paste(palette.light, (centre[0] - glow // 2, centre[1] - glow // 2), halo)
    box = (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
    ImageDraw.Draw(canvas).ellipse(box, fill=palette.light)
    return centre


def _stars(canvas: Image.Image, random: Random) -> None:
    draw = ImageDraw.Draw(canvas)
    size = max(min(canvas.size) // 500, 1)
    for _ in range(140):
        x, y = random.randrange(canvas.width), int(canvas.height * 0.6 * random.random() ** 1.4)
        radius, shine = size * random.choice((0.6, 0.8, 1.4)), random.randrange(150, 256)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(shine, shine, min(shine + 20, 255)))


def _birds(canvas: Image.Image, palette: Palette, random: Random) -> None:
    draw = ImageDraw.Draw(canvas)
    unit = min(canvas.size) / 60
    left, top = canvas.width * random.uniform(0.15, 0.6), canvas.height * random.uniform(0.15, 0.3)
    for _ in range(random.randrange(4, 8)):
        x, y = left + random.uniform(0, 14) * unit, top + random.uniform(0, 6) * unit
        wing = unit * random.uniform(0.7, 1.2)
        for side in (-1, 1):
            box = (x + min(0, side * 2 * wing), y, x + max(0, side * 2 * wing), y + 2 * wing)
            draw.arc(box, 200, 340, fill=_mix(palette.near, palette.middle, 0.25), width=max(int(unit / 4), 1))


def _ridge(width: int, base: float, swing: float, random: Random) -> list[tuple[int, int]]:
    """A skyline: a few waves of falling height on each other."""
    waves = [
        (
            swing / (k + 0.6),
            (k * k * 0.7 + 0.6) * random.uniform(0.8, 1.3) * math.tau / width,
            random.uniform(0, math.tau),
        )
        for k in range(4)
    ]
    step = max(width // 240, 1)
    return [
        (x, int(base + sum(height * math.sin(x * speed + phase) for height, speed, phase in waves)))
        for x in range(0, width + step, step)
    ]


def _hills(canvas: Image.Image, palette: Palette, random: Random) -> None:
    if palette.stars:
        _stars(canvas, random)
    _sun(canvas, palette, random, y=random.uniform(0.25, 0.45))
    _birds(canvas, palette, random)
    layers = random.randrange(4, 7)
    for layer in range(layers):
        depth = layer / (layers - 1)
        base = canvas.height * (0.50 + 0.40 * depth)
        skyline = _ridge(canvas.width, base, canvas.height * (0.035 + 0.03 * depth), random)
        _fill_below(canvas, skyline, _mix(palette.far, palette.near, depth), _mix(palette.horizon, palette.far, depth))


def _fill_below(canvas: Image.Image, skyline: Sequence[tuple[int, int]], colour: Colour, haze: Colour) -> None:
    """Fill under a skyline, hazy towards its foot."""
    mask = Image.new("L", canvas.size, 0)
    ImageDraw.Draw(mask).polygon([*skyline, (canvas.width, canvas.height), (0, canvas.height)], fill=255)
    top = max(min(y for _, y in skyline), 0)
    height = max(canvas.height - top, 1)
    fade = Image.linear_gradient("L").resize((1, height)).resize((canvas.width, height))
    slope = ImageOps.colorize(fade, colour, _mix(colour, haze, 0.45))
    canvas.paste(slope, (0, top), mask.crop((0, top, canvas.width, canvas.height)))


def _sea(canvas: Image.Image, palette: Palette, random: Random) -> None:
    if palette.stars:
        _stars(canvas, random)
    horizon = int(canvas.height * random.uniform(0.56, 0.64))
    sun_x, _ = _sun(canvas, palette, random, y=horizon / canvas.height - random.uniform(0.04, 0.2))
    _birds(canvas, palette, random)
    depth = canvas.height - horizon
    ramp = Image.linear_gradient("L").resize((1, depth)).resize((canvas.width, depth))
    canvas.paste(ImageOps.colorize(ramp, _mix(palette.horizon, palette.far, 0.6), palette.near), (0, horizon))
    draw = ImageDraw.Draw(canvas)
    for _ in range(220):  # glitter: short strokes, wider and rarer towards the viewer, dense under the sun
        near = random.random() ** 1.5
        y = horizon + int(depth * near)
        spread = canvas.width * (0.03 + 0.22 * near)
        x, length = random.gauss(sun_x, spread), canvas.width * (0.008 + 0.03 * near) * random.uniform(0.5, 1.5)
        thick = max(int(canvas.height * (0.0012 + 0.004 * near)), 1)
        colour = _mix(palette.light, palette.near, min(0.15 + 0.55 * near + abs(x - sun_x) / canvas.width, 0.95))
        draw.rounded_rectangle((x - length, y, x + length, y + thick), radius=thick, fill=colour)
    island = _ridge(canvas.width, horizon + canvas.height * 0.01, canvas.height * 0.028, random)
    shore = [(x, min(y, horizon)) for x, y in island]
    draw.polygon([*shore, (canvas.width, horizon), (0, horizon)], fill=_mix(palette.far, palette.near, 0.35))


def _shapes(canvas: Image.Image, palette: Palette, random: Random) -> None:
    """Large translucent discs and rings over each other."""
    unit = min(canvas.size)
    colours = (palette.light, palette.far, palette.near, palette.horizon, palette.zenith)
    for index in range(11):
        radius = int(unit * random.uniform(0.10, 0.45))
        x, y = random.randrange(canvas.width), random.randrange(canvas.height)
        stencil = Image.new("L", (2 * radius, 2 * radius), 0)
        draw = ImageDraw.Draw(stencil)
        box = (0, 0, 2 * radius - 1, 2 * radius - 1)
        if index % 3 == 2:
            draw.ellipse(box, outline=190, width=max(radius // 14, 2))
        else:
            draw.ellipse(box, fill=random.randrange(60, 150))
        canvas.paste(random.choice(colours), (x - radius, y - radius), stencil)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


SCENES: Final[tuple[Callable[[Image.Image, Palette, Random], None], ...]] = (
    _hills,
    _hills,
    _hills,
    _sea,
    _sea,
    _shapes,
    _shapes,
)
