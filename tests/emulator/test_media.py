# The hints of av are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Pictures and videos: real files, of the asked kind, size and length, with something to see."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import aiohttp
import av
import pytest
from PIL import Image, ImageChops, ImageStat

from kling_async.emulator import Emulator
from kling_async.emulator.lettering import font_for, wrap
from kling_async.emulator.media import PictureWork, VideoWork, render

Finished = Callable[..., Awaitable[Any]]
Make = Callable[..., Awaitable[list[dict[str, Any]]]]

IMAGES = "/v1/images/generations"
SHOTS = "/v1/general/ai-multi-shot"
TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
RED = (255, 0, 0)


@pytest.fixture
def kling_emulator_options() -> Mapping[str, Any]:
    """So fast that every task is over when its create is answered."""
    return {"speed": 1e9}


@pytest.fixture
def make(finished: Finished, http: aiohttp.ClientSession) -> Make:
    """Creates a task, lets it end, and gives its entries with bytes in the place of links."""

    async def make(path: str, **body: Any) -> list[dict[str, Any]]:
        answer = await finished(path, body)
        (entries,) = answer["data"]["task_result"].values()
        return [
            {key: await fetch(value) if "url" in key else value for key, value in entry.items()} for entry in entries
        ]

    async def fetch(link: str) -> bytes:
        async with http.get(link) as answer:
            assert 200 == answer.status
            return await answer.read()

    return make


def opened(content: bytes) -> Image.Image:
    """The picture in a file, read to the end."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")


def frames(content: bytes, *seconds: float) -> Iterator[Image.Image]:
    """The frames of a video at some moments."""
    with av.open(io.BytesIO(content), "r") as container:
        pictures = [frame.to_image() for frame in container.decode(video=0)]  # type: ignore[no-untyped-call]  # av
        rate = float(container.streams.video[0].average_rate or 1)
    yield from (pictures[round(moment * rate)] for moment in seconds)


def difference(one: Image.Image, other: Image.Image) -> float:
    """How different two pictures are: 0 for the same, 255 for black and white."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({}, (1360, 768)),
        ({"aspect_ratio": "1:1"}, (1024, 1024)),
        ({"aspect_ratio": "9:16"}, (768, 1360)),
        ({"aspect_ratio": "4:3"}, (1152, 864)),
        ({"aspect_ratio": "21:9"}, (1568, 672)),
        ({"aspect_ratio": "2:3", "resolution": "2k", "model_name": "kling-v3"}, (1664, 2496)),
    ],
)
async def test_pictures_have_the_asked_size(make: Make, body: dict[str, Any], size: tuple[int, int]) -> None:
    """Ratio and resolution class decide the sides."""
    (entry,) = await make(IMAGES, prompt="a cat", **body)

    assert size == opened(entry["url"]).size


async def test_n_pictures_are_n_different_pictures(make: Make) -> None:
    """Each index has a drawing of its own, with many colours in it."""
    entries = await make(IMAGES, prompt="A red fox crosses a frozen lake at dawn", n=3, aspect_ratio="1:1")

    pictures = [opened(entry["url"]) for entry in entries]
    assert [0, 1, 2] == [entry["index"] for entry in entries]
    assert 3 == len({entry["url"] for entry in entries})
    assert min(len(picture.getcolors(2**24) or []) for picture in pictures) > 500


@pytest.mark.kling_emulator(pictures="jpeg", speed=1e9)
async def test_pictures_can_be_jpeg(make: Make) -> None:
    """The name in a link promises nothing: the content decides."""
    (entry,) = await make(IMAGES, prompt="a cat")

    with Image.open(io.BytesIO(entry["url"])) as picture:
        assert "JPEG" == picture.format


async def test_watermark_is_a_second_file_with_a_visible_mark(make: Make) -> None:
    """The same picture twice, once with something across it."""
    (entry,) = await make(IMAGES, prompt="a cat", watermark_info={"enabled": True})

    clean, marked = opened(entry["url"]), opened(entry["watermark_url"])
    box = ImageChops.difference(clean, marked).getbbox()
    assert box is not None
    assert (box[2] - box[0]) * (box[3] - box[1]) > 0.7 * clean.width * clean.height


async def test_prompt_is_drawn_in() -> None:
    """Two pictures that differ in their prompt differ in the lower part only: where the words are."""
    works = [PictureWork(title, "kling-v3", "1/1", 800, 600, "seed") for title in ("a cat", "an owl")]

    one, other = (opened(render(work, None, "png").content) for work in works)

    box = ImageChops.difference(one, other).getbbox()
    assert box is not None
    assert box[1] > 400


@pytest.mark.parametrize(
    "title",
    ["", "\ud800\x00\t\n", "two\nlines", "\u732b\u5728\u7a97\u8fb9\u770b\u96e8" * 60, "x" * 2500, "word " * 500],
)
def test_any_prompt_can_be_drawn(title: str) -> None:
    """No prompt is too strange or too long for a picture."""
    content = render(PictureWork(title, "", "", 480, 320, "seed"), None, "png").content

    assert (480, 320) == opened(content).size


def test_line_breaks_of_a_prompt_are_spaces() -> None:
    """Lines are broken where they fit, not where the prompt has them."""
    works = [PictureWork(title, "", "", 480, 320, "seed") for title in ("two\nlines", "two lines")]

    one, other = (render(work, None, "png") for work in works)

    assert one.etag == other.etag


def test_long_words_are_wrapped_and_cut() -> None:
    """Lines fit the width; what is too much ends in an ellipsis; nothing else is lost."""
    font = font_for("", 20)
    short, long = "one two three four five six seven", "word " * 200

    lines, cut = wrap(short, font, 100), wrap(long, font, 100)

    assert short == " ".join(lines)
    assert max(font.getlength(line) for line in lines + cut) <= 100
    assert cut[-1].endswith("\u2026")


async def test_picture_from_a_picture_shows_it(make: Make, a_picture: Callable[..., str]) -> None:
    """An input picture is recognisable in the result."""
    (entry,) = await make(IMAGES, prompt="a cat", image=a_picture(800, 600, "JPEG"), model_name="kling-v3")

    red, green, blue = ImageStat.Stat(opened(entry["url"])).mean
    assert red > green + 40
    assert red > blue + 40


async def test_multi_shot_makes_three_sets_of_three(make: Make, a_picture: Callable[..., str]) -> None:
    """Nine different views, under url_1 to url_3."""
    entries = await make(SHOTS, element_frontal_image=a_picture())

    assert [{"index", "url_1", "url_2", "url_3"}] * 3 == [set(entry) for entry in entries]
    views = [entry[f"url_{view}"] for entry in entries for view in (1, 2, 3)]
    assert 9 == len(set(views))
    assert {(1024, 1024)} == {opened(view).size for view in views}


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({"aspect_ratio": "1:1", "duration": "3", "model_name": "kling-v3"}, (720, 720)),
        ({"aspect_ratio": "9:16", "mode": "pro"}, (1080, 1920)),
        ({}, (1280, 720)),
    ],
)
async def test_videos_have_the_asked_size_and_length(make: Make, body: dict[str, Any], size: tuple[int, int]) -> None:
    """H.264 in MP4 that any player takes, of the asked ratio, class and seconds."""
    (entry,) = await make(TEXT, prompt="a cat", **body)

    with av.open(io.BytesIO(entry["url"]), "r") as container:
        video = container.streams.video[0]
        seconds = container.duration / av.time_base if container.duration else 0.0
        assert ("h264", "yuv420p", size) == (video.codec.name, video.pix_fmt, (video.width, video.height))
        assert not container.streams.audio
    asked = float(body.get("duration", "5"))
    assert asked == pytest.approx(seconds, abs=0.1)
    assert float(entry["duration"]) == pytest.approx(seconds, abs=0.002)
    assert entry["url"].index(b"moov") < entry["url"].index(b"mdat")  # playable before it is whole
    assert entry["id"].isdigit()


async def test_videos_move() -> None:
    """Frames differ, not only in the line that shows the time."""
    work = VideoWork("a cat", "kling-v3", "std 5 s", 640, 360, "seed", frames=49, fps=24)

    first, middle, last = frames(render(work, None, "png").content, 0, 1, 2)

    above = (0, 0, 640, 250)
    assert difference(first.crop(above), middle.crop(above)) > 1
    assert difference(middle.crop(above), last.crop(above)) > 1


def test_four_k_is_four_k() -> None:
    """The large class has its true size; it makes up for it with fewer frames."""
    work = VideoWork("a cat", "kling-v3", "4k 3 s", 3840, 2160, "seed", frames=4, fps=12)

    (frame,) = frames(render(work, None, "png").content, 0)

    assert (3840, 2160) == frame.size


def test_sound_is_an_audio_track() -> None:
    """With sound on there is an AAC track as long as the picture, and it is not silence."""
    work = VideoWork("a cat", "kling-v3", "std 2 s", 320, 180, "seed", frames=49, fps=24, sound=True)

    with av.open(io.BytesIO(render(work, None, "png").content), "r") as container:
        audio = container.streams.audio[0]
        loud = [
            max(abs(sample) for sample in memoryview(frame.planes[0]).cast("B").cast("f"))
            for frame in container.decode(audio)
        ]
        seconds = float((audio.duration or 0) * (audio.time_base or 0))

    assert "aac" == audio.codec.name
    assert 2.04 == pytest.approx(seconds, abs=0.05)
    assert max(loud) > 0.05


async def test_sound_on_reaches_the_file(make: Make) -> None:
    """The field `sound` decides whether there is a track."""
    body = {"model_name": "kling-v3", "duration": "3", "aspect_ratio": "1:1", "sound": "on"}
    (entry,) = await make(TEXT, prompt="a cat", **body)

    with av.open(io.BytesIO(entry["url"]), "r") as container:
        assert 1 == len(container.streams.audio)


async def test_video_from_a_picture_shows_it(
    make: Make, a_picture: Callable[..., str], kling_emulator: Emulator
) -> None:
    """The first frame is the picture that was sent, and the ratio is its own, in even sides."""
    (entry,) = await make(IMAGE, prompt="a cat", image=a_picture(901, 601))

    (frame,) = frames(entry["url"], 0)
    colours: Any = frame.getpixel((frame.width // 2, frame.height // 3))
    red, green, blue = colours
    assert (1080, 720) == frame.size
    assert (True, True, True) == (red > 200, green < 60, blue < 60)
    assert 1 == len(kling_emulator.tasks)


def test_damaged_picture_becomes_scenery() -> None:
    """A picture whose header was fine and whose rest is not does not stop the drawing."""
    file = io.BytesIO()
    Image.new("RGB", (400, 400), RED).save(file, "PNG")

    content = render(PictureWork("a cat", "", "", 320, 240, "seed"), file.getvalue()[:200], "png").content

    assert (320, 240) == opened(content).size
