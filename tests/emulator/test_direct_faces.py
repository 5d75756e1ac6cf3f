"""Faces in a video, and parts of a picture: answers at once, with files that show what they say."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from PIL import Image, ImageStat

from kling_async.emulator import Emulator
from tests.support.documented import problems

Call = Callable[..., Awaitable[tuple[int, Any]]]

FACES = "/v1/videos/identify-face"
PARTS = "/v1/videos/image-recognize"
FILMS = "/v1/videos/text2video"
CLIP = "https://host.example/a.mp4"


async def opened(http: aiohttp.ClientSession, link: str) -> Image.Image:
    """The picture behind a link."""
    async with http.get(link) as answer:
        assert (200, "image/png") == (answer.status, answer.content_type)
        with Image.open(io.BytesIO(await answer.read())) as picture:
            picture.load()
            return picture


async def test_faces_of_a_link(call: Call, http: aiohttp.ClientSession) -> None:
    """One to three faces, each within the clip, each with a thumbnail."""
    links = [f"https://host.example/{number}.mp4" for number in range(12)]

    answers = [(await call("POST", FACES, {"video_url": link, "video_id": ""}))[1] for link in links]

    found: list[list[dict[str, Any]]] = [answer["data"]["face_data"] for answer in answers]
    picture = await opened(http, found[0][0]["face_image"])
    assert [] == [problem for answer in answers for problem in problems(answer, "IdentifyFaceResponse")]
    assert {1, 2, 3} == {len(faces) for faces in found}
    assert all(len(faces) == len({face["face_id"] for face in faces}) for faces in found)
    assert {(0, 5000)} == {(faces[0]["start_time"], faces[0]["end_time"]) for faces in found}
    assert all(0 <= face["start_time"] < face["end_time"] <= 5000 for faces in found for face in faces)
    assert (256, 256) == picture.size


async def test_the_same_clip_has_the_same_faces(call: Call) -> None:
    """What is found does not depend on when one looks; the session does."""
    _, one = await call("POST", FACES, {"video_url": CLIP})
    _, other = await call("POST", FACES, {"video_url": CLIP})

    spans = [[(face["face_id"], face["start_time"]) for face in answer["data"]["face_data"]] for answer in (one, other)]
    assert spans[0] == spans[1]
    assert one["data"]["session_id"] != other["data"]["session_id"]


@pytest.mark.looptime
async def test_faces_of_an_own_video(call: Call) -> None:
    """Faces are seen as long as the video plays; one that is too large is refused."""
    ids: list[str] = []
    for mode in ("std", "4k"):
        _, created = await call("POST", FILMS, {"prompt": "a cat", "model_name": "kling-v3", "mode": mode})
        await asyncio.sleep(10_000)
        _, answer = await call("GET", f"{FILMS}/{created['data']['task_id']}")
        ids.append(answer["data"]["task_result"]["videos"][0]["id"])

    _, found = await call("POST", FACES, {"video_id": ids[0]})
    status, refused = await call("POST", FACES, {"video_id": ids[1]})

    assert 5041 == found["data"]["face_data"][0]["end_time"]
    assert (400, 1201) == (status, refused["code"])
    assert "between 512 and 2160 pixels" in refused["message"]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (FACES, {}, "video_id or video_url can not be null"),
        (FACES, {"video_id": "1", "video_url": CLIP}, "video_id and video_url can not be used together"),
        (FACES, {"video_id": "1"}, "Video id not found: 1"),
        (PARTS, {}, "image can not be null"),
        (PARTS, {"image": "data:image/png;base64,AAAA"}, "File is not in a valid base64 format"),
    ],
)
async def test_refused(call: Call, path: str, body: dict[str, Any], message: str, kling_emulator: Emulator) -> None:
    """What the documents forbid is 400/1201, named, and free."""
    status, answer = await call("POST", path, body)

    assert (400, 1201, message) == (status, answer["code"], answer["message"])
    assert 0 == sum(kling_emulator.spent.values())


async def test_small_pictures_are_refused_at_once(call: Call, a_picture: Callable[..., str]) -> None:
    """There is no task that could fail later."""
    status, answer = await call("POST", PARTS, {"image": a_picture(299, 400)})

    assert (400, 1201, "Image pixel is invalid") == (status, answer["code"], answer["message"])


async def test_parts_are_cut_out_of_the_picture(
    call: Call, http: aiohttp.ClientSession, a_picture: Callable[..., str]
) -> None:
    """Four PNGs of the picture's size: its own colours inside the part, nothing outside, a face within its head."""
    _, answer = await call("POST", PARTS, {"image": a_picture(600, 400, "JPEG")})

    images = answer["data"]["task_result"]["images"]
    parts = {image["type"]: await opened(http, image["url"]) for image in images}
    shares = {name: ImageStat.Stat(picture.getchannel("A")).mean[0] / 255 for name, picture in parts.items()}
    assert [] == problems(answer, "ImageRecognizeResponse")
    assert ["object_seg", "head_seg", "face_seg", "cloth_seg"] == list(parts)
    assert [True] * 4 == [image["is_contain"] for image in images]
    assert {("RGBA", (600, 400))} == {(picture.mode, picture.size) for picture in parts.values()}
    assert 0 < shares["face_seg"] < shares["head_seg"] < shares["cloth_seg"] < shares["object_seg"] < 0.9
    inside: Any = parts["face_seg"].getpixel((300, 130))
    outside: Any = parts["face_seg"].getpixel((5, 5))
    assert (True, 255, 0) == (inside[0] > 240, inside[3], outside[3])


async def test_pictures_behind_links_are_imagined(call: Call, http: aiohttp.ClientSession) -> None:
    """A link is never opened; something is cut out all the same."""
    _, answer = await call("POST", PARTS, {"image": "https://host.example/a.png"})

    picture = await opened(http, answer["data"]["task_result"]["images"][0]["url"])

    assert (768, 1024) == picture.size


async def test_large_pictures_are_cut_smaller(call: Call, http: aiohttp.ClientSession) -> None:
    """A cut-out is never larger than is bearable."""
    file = io.BytesIO()
    Image.new("L", (6000, 3000), 200).save(file, "PNG")
    _, answer = await call("POST", PARTS, {"image": base64.b64encode(file.getvalue()).decode()})

    picture = await opened(http, answer["data"]["task_result"]["images"][2]["url"])

    assert (2048, 1024) == picture.size


async def test_calls_are_charged_at_once(call: Call, kling_emulator: Emulator) -> None:
    """The answer tells the units, and they are gone from the pool of videos."""
    _, faces = await call("POST", FACES, {"video_url": CLIP})
    _, parts = await call("POST", PARTS, {"image": "https://host.example/a.png"})

    assert ("0.05", "0.1") == (faces["data"]["final_unit_deduction"], parts["data"]["final_unit_deduction"])
    assert Decimal("0.15") == kling_emulator.spent["video"]
    assert {} == kling_emulator.tasks


@pytest.mark.kling_emulator(units={"video": "0.12"}, slots={"video": 0})
async def test_calls_want_units_and_no_slot(call: Call) -> None:
    """What costs more than is left is 429/1102; how many tasks run does not matter."""
    codes = [(await call("POST", FACES, {"video_url": CLIP}))[1]["code"] for _ in range(3)]

    assert [0, 0, 1102] == codes


@pytest.mark.kling_emulator(quirks=True)
async def test_quirks_of_parts(call: Call, a_picture: Callable[..., str]) -> None:
    """Where nobody is on a picture there may be an empty link or none; the price may be told in money too."""
    body = {"image": a_picture()}
    seen: set[tuple[bool, str]] = set()
    money: set[str] = set()
    for _ in range(40):
        _, answer = await call("POST", PARTS, body)
        money.add(answer["data"].get("final_balance_deduction", {"list_price": "missing"})["list_price"])
        assert [] == problems(answer, "ImageRecognizeResponse")
        face = answer["data"]["task_result"]["images"][2]
        seen.add((face["is_contain"], face.get("url", "missing")[:4]))

    assert {(True, "http"), (False, ""), (False, "miss")} == seen
    assert {"missing", "0.014"} == money
