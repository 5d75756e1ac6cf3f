"""`--dry-run` and `--validate`: what would be sent, what it would cost, and what a model is not known to take."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from PIL import Image

from kling_async.emulator import Emulator
from tests.cli.running import Run

UNSUPPORTED = ("image", "generate", "A fox", "--model-name", "kling-v1", "--aspect-ratio", "21:9")
TOLD = "aspect_ratio 21:9 is not supported by kling-v1 without image"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small picture that the vendor would take."""
    path = tmp_path / "cat.png"
    Image.effect_noise((320, 320), 90).save(path)
    return path


async def test_a_dry_run_prints_the_call_and_its_price(run: Run, picture: Path) -> None:
    """Method, path, body and units are printed as JSON, names of files in place of Base64; no key is needed."""
    images = [{"image_url": str(picture)}, {"image_url": base64.b64encode(picture.read_bytes()).decode()}]

    ran = await run(
        *("video", "omni", "<<<image_1>>> meets <<<image_2>>>", "--image-list", json.dumps(images)),
        *("--aspect-ratio", "16:9", "--model-name", "kling-v3-omni", "--duration", "5", "--dry-run"),
    )

    told = json.loads(ran.out)
    first, second = (image["image_url"] for image in told["body"]["image_list"])
    assert (0, "videos.omni", "POST") == (ran.code, told["endpoint"], told["method"])
    assert ("/v1/videos/omni-video", "5") == (told["path"], told["body"]["duration"])
    assert f"<Base64 of {picture}>" == first
    assert f"<Base64 of {len(images[1]['image_url']):,} characters>" == second
    assert "4.0" == told["estimated_units"]
    assert "Nothing was sent. It would cost 4.0 units." in ran.words


async def test_a_dry_run_sends_nothing(against: Emulator, run: Run, tmp_path: Path) -> None:
    """Neither tasks nor calls are sent, and no directory is made."""
    made = await run("image", "generate", "A fox", "-o", tmp_path / "new", "--dry-run", "--json")
    asked = await run("voice", "presets", "--page", "2", "--dry-run", "--json")

    assert (0, 0) == (made.code, asked.code)
    assert {"pageNum": 2} == asked.objects[0]["query"]
    assert ("GET", "0") == (asked.objects[0]["method"], asked.objects[0]["estimated_units"])
    assert made.objects[0]["estimated_units"] is None
    assert [] == against.requests
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["voice", "presets"], "It would be free."),
        (["image", "generate", "A fox"], "What it would cost cannot be told from the request."),
    ],
)
async def test_a_dry_run_says_where_there_is_no_price(arguments: list[str], told: str, run: Run) -> None:
    """What is free and what has no known price are told apart."""
    ran = await run(*arguments, "--dry-run")

    assert told in ran.words


async def test_a_dry_run_checks_like_the_real_one(run: Run) -> None:
    """Bad input and unsupported combinations are refused, as they would be."""
    bad = await run("video", "text-to-video", "A fox", "--cfg-scale", "2", "--dry-run")
    unsupported = await run(*UNSUPPORTED, "--dry-run")

    assert (2, 2) == (bad.code, unsupported.code)
    assert "must be between 0 and 1" in bad.words


async def test_unsupported_combinations_are_refused_unsent(against: Emulator, run: Run) -> None:
    """By default the capability map decides, before anything is sent."""
    ran = await run(*UNSUPPORTED)

    assert 2 == ran.code
    assert "21:9 is not supported by kling-v1 without image" in ran.words
    assert [] == against.requests


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["plain", "json"])
async def test_a_warning_is_one_readable_line(form: list[str], against: Emulator, run: Run) -> None:
    """With --validate warn the combination is told once, in one line on stderr, and sent."""
    ran = await run(*UNSUPPORTED, "--validate", "warn", "--no-wait", *form)

    (line,) = (line for line in ran.err.splitlines() if "aspect_ratio" in line and "Warning" in line)
    assert f"Warning: {TOLD}" == line
    assert ["POST"] == [request.method for request in against.requests]


async def test_validation_can_be_turned_off(against: Emulator, run: Run) -> None:
    """With --validate off nothing is said, and the vendor decides."""
    ran = await run(*UNSUPPORTED, "--validate", "off", "--no-wait")

    assert "Warning" not in ran.err
    assert ["POST"] == [request.method for request in against.requests]
