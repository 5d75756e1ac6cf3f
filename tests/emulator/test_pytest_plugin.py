"""The fixtures as other projects use them: in a pytest of their own, strict or auto, with options."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

QUIET = ("-Werror", "-o", "asyncio_default_fixture_loop_scope=function")


@pytest.mark.parametrize(("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")], ids=["auto", "strict"])
def test_fixtures_work_in_both_modes_of_pytest_asyncio(pytester: pytest.Pytester, mode: str, mark: str) -> None:
    """A project that installs the package has both fixtures at once, and options by marker."""
    pytester.makepyfile(f"""
        import pytest

        {mark}
        async def test_emulator_and_client(kling_emulator, kling):
            page = await kling.videos.text_to_video.list()
            assert 0 == len(page)
            assert "/v1/videos/text2video" == kling_emulator.requests[0].path

        {mark}
        @pytest.mark.kling_emulator(refused_words=["cat"], speed=1)
        async def test_marker(kling_emulator, kling):
            with pytest.raises(Exception, match="safety"):
                await kling.videos.text_to_video(prompt="a cat")
    """)

    result = pytester.runpytest_subprocess(*QUIET, f"--asyncio-mode={mode}", "--strict-markers")

    result.assert_outcomes(passed=2)


def test_options_can_be_overridden(pytester: pytest.Pytester) -> None:
    """A fixture of one's own gives options to every emulator; the marker wins over it."""
    pytester.makepyfile("""
        import aiohttp
        import pytest

        @pytest.fixture
        def kling_emulator_options():
            return {"api_key": "from-fixture", "speed": 1}

        async def code(emulator, key):
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
                async with http.get(emulator.url + "/v1/videos/text2video") as answer:
                    return (await answer.json())["code"]

        async def test_fixture(kling_emulator):
            assert 0 == await code(kling_emulator, "from-fixture")

        @pytest.mark.kling_emulator(api_key="from-marker")
        async def test_marker(kling_emulator):
            assert 0 == await code(kling_emulator, "from-marker")
    """)

    result = pytester.runpytest_subprocess(*QUIET, "--asyncio-mode=auto")

    result.assert_outcomes(passed=2)


def test_plain_pytest_fixtures_for_anyio(pytester: pytest.Pytester) -> None:
    """Without pytest-asyncio the fixtures are plain ones, which anyio's plugin can run."""
    pytester.makeconftest("""
        import sys
        from importlib import util

        real = util.find_spec
        util.find_spec = lambda name, *rest: None if name == "pytest_asyncio" else real(name, *rest)
        sys.modules.pop("kling_async.pytest_plugin", None)
        pytest_plugins = ["kling_async.pytest_plugin"]
    """)
    pytester.makepyfile("""
        import pytest

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_emulator(kling_emulator, anyio_backend):
            assert kling_emulator.url.startswith("http://127.0.0.1:")
    """)

    result = pytester.runpytest_subprocess(
        "-p",
        "no:asyncio",
        "-p",
        "no:looptime_plugin",
        "-p",
        "no:looptime_chronometers",
        "-p",
        "no:looptime_timeproxies",
        "-p",
        "no:kling_async",
        "-Werror",
    )

    result.assert_outcomes(passed=1)


def test_plugin_costs_next_to_nothing() -> None:
    """The module itself loads neither the emulator nor any of its libraries: every pytest run imports it."""
    code = (
        "import pytest, pytest_asyncio, kling_async, sys; before = set(sys.modules); import kling_async.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )

    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert "['kling_async.pytest_plugin']" == told.strip()
