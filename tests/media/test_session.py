"""What the environment says of proxies and passwords is for other programs: neither calls nor downloads use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kling_async import KlingClient
from kling_async.models import Image
from tests.support.vendor import API_KEY, Reply, Vendor, row, said


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vendor]:
    """A proxy that all variables of the environment lead to."""
    for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    async with Vendor(Reply(b"a proxy")) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        yield proxy


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A password for every host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login fox password den\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))


async def test_no_proxy_sees_calls_or_downloads(proxy: Vendor, kling: KlingClient, tmp_path: Path) -> None:
    """They go straight to their hosts."""
    task = await (await kling.images.generate(prompt="a fox"))
    (path,) = await kling.download(task, tmp_path / "out")

    assert [] == proxy.seen
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("passwords")
async def test_no_password_goes_with_calls_or_downloads(tmp_path: Path) -> None:
    """A call carries its own token, a download nothing."""
    async with Vendor(said(row(status="submitted")), Reply(b"\x89PNG\r\n\x1a\n" + bytes(40))) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
            await kling.images.generate(prompt="a fox")
            await kling.download(Image(url=f"{vendor.url}/fox.png"), tmp_path / "out", name="fox")

    assert [f"Bearer {API_KEY}", None] == [seen.headers.get("Authorization") for seen in vendor.seen]
