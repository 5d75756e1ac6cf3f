"""
Callbacks: posted to the ``callback_url`` of a task when its status changes, as the vendor's page Callback tells.

The bare task, without an envelope; with ``quirks`` also as the newer API writes it. What the documents leave open: that
a task is ``submitted`` is not told, and nobody is called twice because he did not answer. Signed where the emulator has
a webhook secret. Only this machine is called: what stands in a task's body shall not make the emulator call anybody.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import attrs

from .answers import Answers
from .endpoint import Endpoint
from .script import Script
from .tasks import EmulatedTask

PATIENCE: Final = 10.0
"""Seconds for an answer."""
HEADERS: Final = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Apache-HttpClient/4.5 (emulator)"}
NOT_TOLD: Final = ("watermark_info", "final_balance_deduction")


@attrs.frozen
class SentCallback:
    """One callback that was sent, or lost by a fault. The address is not kept: it is as good as a key."""

    task_id: str
    task_status: str
    status: int
    """What the receiver answered; 0 where there was no answer, or nobody was called."""


class Caller:
    """Calls back about the tasks of one run."""

    def __init__(
        self,
        *,
        answers: Answers,
        script: Script,
        now: Callable[[], float],
        date: Callable[[], float],
        secrets: Sequence[str],
        newer: Random | None,
    ) -> None:
        """Open nothing yet. *newer* decides which callbacks are written as the newer API does; None: none of them."""
        self.sent: list[SentCallback] = []
        self._answers = answers
        self._script = script
        self._now = now
        self._date = date
        self._secrets = tuple(base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets)
        self._newer = newer
        self._session: aiohttp.ClientSession | None = None
        self._under_way = set[asyncio.Task[None]]()

    def expect(self, endpoint: Endpoint, task: EmulatedTask) -> None:
        """Call back about a new task, if it says where, and that is this machine."""
        url = task.body.get("callback_url")
        if isinstance(url, str) and is_loopback(url):
            self._begin(self._follow(endpoint, task, url))

    async def close(self) -> None:
        """Call nobody any more."""
        for each in self._under_way:
            each.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        begun = asyncio.create_task(work, name="kling emulator callback")
        self._under_way.add(begun)
        begun.add_done_callback(self._under_way.discard)

    async def _follow(self, endpoint: Endpoint, task: EmulatedTask, url: str) -> None:
        for moment in (task.course.started, task.course.ended):
            await asyncio.sleep(moment - self._now())
            self._begin(self._call(endpoint, task, moment, url))

    async def _call(self, endpoint: Endpoint, task: EmulatedTask, moment: float, url: str) -> None:
        calling = self._script.calling(endpoint.path)
        if calling.lost:
            self.sent.append(SentCallback(task.task_id, task.course.status(moment), 0))
            return
        body = json.dumps(self._body(endpoint, task, moment), ensure_ascii=False, separators=(",", ":")).encode()
        for pause in (calling.delay, *calling.again):
            await asyncio.sleep(pause)
            status = 0 if self._script.is_down() else await self._post(url, body, f"{task.task_id}-{moment:.3f}")
            self.sent.append(SentCallback(task.task_id, task.course.status(moment), status))

    def _body(self, endpoint: Endpoint, task: EmulatedTask, moment: float) -> Mapping[str, Any]:
        told = self._answers.task(endpoint, task, moment)
        if self._newer is not None and self._newer.random() < 1 / 3:
            status = told["task_status"]
            return {
                "id": told["task_id"],
                "status": "succeeded" if status == "succeed" else status,
                "message": task.course.failure if status == "failed" else "",
                "external_id": task.external_task_id,
                "create_time": told["created_at"],
                "update_time": told["updated_at"],
                "outputs": [],
                "billing": [],
            }
        return {name: value for name, value in told.items() if name not in NOT_TOLD}

    async def _post(self, url: str, body: bytes, own_id: str) -> int:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
        headers = {**HEADERS, **self._signature(own_id, body)}
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def _signature(self, own_id: str, body: bytes) -> Mapping[str, str]:
        if not self._secrets:
            return {}
        sent = str(int(self._date()))
        signed = b".".join((own_id.encode(), sent.encode(), body))
        made = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in self._secrets)
        told = " ".join(f"v1,{each}" for each in made)
        return {"webhook-id": own_id, "webhook-timestamp": sent, "webhook-signature": told}


def is_loopback(url: str) -> bool:
    """Whether an address leads to this machine by its very name, without asking DNS."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme in ("http", "https") and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
