"""
Conditions of the image endpoints: what breaks the rule, and the answer.

Refuses what the documents call a must. What they merely call unsupported passes, because what the vendor does then is
not known.
"""

from __future__ import annotations

from typing import Final

from .rules import Rule

IMAGE_GENERATION: Final = (
    Rule(lambda body: body["model_name"] == "kling-v2-new" and "image" not in body, "image can not be null"),
    Rule(
        lambda body: len(body.get("element_list", [])) + ("image" in body) > 10,
        "The number of images and elements can not be greater than 10",
    ),
)
