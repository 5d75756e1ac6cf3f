"""What `KlingClient(validate=...)` does with a combination that the capability map calls unsupported."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from kling_async import InvalidRequest, KlingClient, Retry, UnsupportedWarning
from kling_async.api import ROWS, GenerateImage, IdentifyFace, MakeEffect, OmniImage, TextToVideo, VideoToAudio
from kling_async.api.fields import Rule
from kling_async.options import Validation
from tests.api.least import CLIP, URL, least
from tests.support.vendor import API_KEY, Vendor, row, said

Case: TypeAlias = tuple[str, dict[str, Any], str]

UNSUPPORTED: dict[str, Case] = {
    "a mode of another model": ("videos.text_to_video", {"model_name": "kling-v2-6", "mode": "4k"}, "mode"),
    "elements of another model": (
        "images.generate",
        {"model_name": "kling-v2-1", "element_list": [{"element_id": 1}]},
        "element_list",
    ),
    "what no model takes together": ("images.generate", {"image": URL, "negative_prompt": "rain"}, "negative_prompt"),
    "a field of other scenes": (
        "videos.effects",
        {"effect_scene": "color_mixing", "input": {"image": URL, "mode": "pro"}},
        "input.mode",
    ),
    "what is ignored": (
        "elements.create",
        {"element_video_list": {"refer_videos": [{"video_url": CLIP}]}},
        "element_video_list",
    ),
}
unsupported = pytest.mark.parametrize(("name", "given", "field"), UNSUPPORTED.values(), ids=UNSUPPORTED)


def client(vendor: Vendor, validate: Any) -> KlingClient:
    """A client of a scripted vendor."""
    return KlingClient(api_key=API_KEY, base_url=vendor.url, validate=validate, retry=Retry(attempts=1))


def method(kling: KlingClient, name: str) -> Any:
    """A row on a client, by its name."""
    found: Any = kling
    for step in name.split("."):
        found = getattr(found, step)
    return found


@unsupported
async def test_error_is_raised_before_anything_is_sent(name: str, given: dict[str, Any], field: str) -> None:
    """By default, and with "error", it is an InvalidRequest that names the field; nothing leaves the house."""
    given = {**least(ROWS[name].request), **given}
    async with Vendor(said(row())) as vendor, client(vendor, "error") as kling:
        with pytest.raises(InvalidRequest) as caught:
            await method(kling, name)(**given)
        with pytest.raises(InvalidRequest) as of_a_value:
            await method(kling, name).submit(ROWS[name].request(**given))
        async with KlingClient(api_key=API_KEY, base_url=vendor.url) as usual:
            with pytest.raises(InvalidRequest) as by_default:
                await method(usual, name)(**given)

        assert [] == vendor.seen
    assert field == caught.value.field == of_a_value.value.field == by_default.value.field
    assert str(caught.value).startswith(f"{field}: {caught.value.rule}; got ")


@unsupported
async def test_warn_warns_and_sends(name: str, given: dict[str, Any], field: str) -> None:
    """With "warn" the same words are an UnsupportedWarning, and the request is sent as it is."""
    request = ROWS[name].request(**{**least(ROWS[name].request), **given})
    async with Vendor(said(row())) as vendor, client(vendor, "warn") as kling:
        with pytest.warns(UnsupportedWarning, match=rf"^{re.escape(field)}: .*; got ") as caught:
            handle = await method(kling, name).submit(request)

    assert ("1", 1) == (handle.id, len(vendor.seen))
    assert given.items() <= {**vendor.seen[0].json, **given}.items()
    assert [str(error) for error in request.unsupported()] == [str(each.message) for each in caught]


@unsupported
async def test_off_sends_and_says_nothing(name: str, given: dict[str, Any], field: str) -> None:
    """With "off" the request is sent, without a word."""
    async with Vendor(said(row())) as vendor, client(vendor, "off") as kling:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await method(kling, name)(**{**least(ROWS[name].request), **given})

    assert field.partition(".")[0] in vendor.seen[0].json


async def test_all_that_is_unsupported_is_warned_of() -> None:
    """Where several things are wrong, each gets its warning; an error names the first."""
    wrong = OmniImage(prompt="x", model_name="kling-image-o1", resolution="4k", result_type="series", n=2)
    async with Vendor(said(row())) as vendor, client(vendor, "warn") as kling:
        with pytest.warns(UnsupportedWarning) as caught:
            await kling.images.omni.submit(wrong)

    assert ["n", "resolution", "result_type"] == [error.field for error in wrong.unsupported()]
    assert 3 == len(caught)


@pytest.mark.parametrize("validate", ["error", "warn", "off"])
async def test_broken_rules_are_errors_in_any_case(validate: Validation) -> None:
    """What the documents rule out for every model never leaves the house, whatever `validate` says."""
    async with Vendor(said(row())) as vendor, client(vendor, validate) as kling:
        with pytest.raises(InvalidRequest, match="exactly one"):
            await kling.audio.video_to_audio()
        with pytest.raises(InvalidRequest, match="at most 10"):
            await kling.images.generate(prompt="x", image=URL, element_list=[{"element_id": 1}] * 10)

    assert [] == vendor.seen


@pytest.mark.parametrize("validate", ["error", "warn", "off"])
async def test_models_nobody_knows_pass(validate: Validation) -> None:
    """The map says nothing of a model that came after it: no error and no warning."""
    request = TextToVideo(prompt="x", model_name="kling-v9", mode="4k", duration=13, sound="on", cfg_scale=0.1)
    async with Vendor(said(row())) as vendor, client(vendor, validate) as kling:
        await kling.videos.text_to_video.submit(request)

    assert 1 == len(vendor.seen)
    assert () == request.unsupported()


@pytest.mark.parametrize("word", ["", "errors", "WARN", None, True, 1])
def test_other_words_are_refused(word: Any) -> None:
    """A word that is none of the three is an InvalidRequest of `validate`."""
    with pytest.raises(InvalidRequest) as caught:
        KlingClient(api_key=API_KEY, validate=word)

    assert "validate" == caught.value.field
    assert all(each in (caught.value.rule or "") for each in ("error", "warn", "off"))


class OnSunday(IdentifyFace):
    """A direct call with an ability; none has one so far."""

    def abilities(self) -> Iterator[Rule]:
        """What is not done."""
        yield Rule("video_url", "is not supported on Sundays", met=False)


async def test_direct_calls_are_checked_too() -> None:
    """A call that is answered at once goes the same way."""
    request = OnSunday(video_url=CLIP)
    async with Vendor(said({"session_id": "s"})) as vendor:
        async with client(vendor, "error") as kling:
            with pytest.raises(InvalidRequest, match="Sundays"):
                await kling.videos.identify_face.send(request)
            unsent = len(vendor.seen)
        async with client(vendor, "warn") as kling:
            with pytest.warns(UnsupportedWarning, match="Sundays"):
                faces = await kling.videos.identify_face.send(request)

    assert (0, 1, "s") == (unsent, len(vendor.seen), faces.session_id)


def test_a_request_says_itself_what_is_unsupported() -> None:
    """`unsupported()` gives the errors without a client, and none for what is sound."""
    sound = (GenerateImage(prompt="x"), VideoToAudio(video_id="1"), MakeEffect(effect_scene="x", input={"image": URL}))
    wrong = GenerateImage(prompt="x", model_name="kling-v2-new")

    assert [()] * 3 == [each.unsupported() for each in sound]
    assert [("image", None)] == [(error.field, error.value) for error in wrong.unsupported()]
