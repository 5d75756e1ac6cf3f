"""
Conditions of the image endpoints: what breaks the rule, and the answer.

Refuses what the documents call a must. What they merely call unsupported passes, because what the vendor does then is
not known.
"""

from __future__ import annotations

from typing import Final

from .rules import Body, Rule, citing

MOST_REFERENCES: Final = 10
# An official example reaches 2.99991; whoever computes shares from a target size must not fail by a rounding.
MOST_GROWTH: Final = 3 * (1 + 1e-6)
TOO_MANY: Final = "The number of images and elements can not be greater than 10"


def _growth(body: Body) -> float:
    """How many times its old area the expanded picture has."""
    tall = 1 + body["up_expansion_ratio"] + body["down_expansion_ratio"]
    wide = 1 + body["left_expansion_ratio"] + body["right_expansion_ratio"]
    return float(tall * wide)


IMAGE_GENERATION: Final = (
    Rule(lambda body: body["model_name"] == "kling-v2-new" and "image" not in body, "image can not be null"),
    Rule(
        lambda body: len(body.get("element_list", [])) + ("image" in body) > MOST_REFERENCES,
        TOO_MANY,
    ),
)

OMNI_IMAGE: Final = (
    Rule(
        lambda body: len(body.get("image_list", [])) + len(body.get("element_list", [])) > MOST_REFERENCES,
        TOO_MANY,
    ),
    citing(lambda body: [body["prompt"]]),
)

EXPAND: Final = (
    Rule(
        lambda body: _growth(body) > MOST_GROWTH,
        "The area of the expanded image can not be greater than 3 times the original",
    ),
)
