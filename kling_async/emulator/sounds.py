# The hints of av name types of libraries that it does not need and that are not there.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""
Sounds as files: a melody, or something like the syllables of a voice, as MP3 or WAV of exactly the asked length.

A few seconds are computed from the seed and repeated, mono and at a low rate, so that five minutes of sound take about
a second.
"""

from __future__ import annotations

import io
import math
from array import array
from fractions import Fraction
from random import Random
from typing import Any, Final

import attrs
import av
from av.audio.frame import AudioFrame

from .media import SoundForm, SoundWork

SAMPLE_RATE: Final = 16_000
NOTES: Final = 16
LOUDNESS: Final = 9000
SCALE: Final = (0, 2, 4, 7, 9, 12, 14)
"""A pentatonic scale in half-tones: any order of its notes is a tune."""


@attrs.frozen
class Encoding:
    """How a form is written."""

    container: str
    codec: str
    samples: str
    options: dict[str, str]


ENCODINGS: Final[dict[SoundForm, Encoding]] = {
    "mp3": Encoding("mp3", "libmp3lame", "s16p", {"b": "48000", "compression_level": "9"}),
    "wav": Encoding("wav", "pcm_s16le", "s16", {}),
}


def play(work: SoundWork) -> bytes:
    """The file of a sound."""
    random = Random(work.seed)
    phrase = _syllables(random) if work.spoken else _melody(random)
    return _encoded(phrase, work.thousandths * SAMPLE_RATE // 1000, ENCODINGS[work.form])


def _melody(random: Random) -> bytes:
    base = random.choice((196.0, 220.0, 261.63, 293.66))
    notes = [base * 2 ** (random.choice(SCALE) / 12) for _ in range(NOTES)]
    return b"".join(_tone(note, 0.25, (1.0, 0.45, 0.2), attack=0.02) for note in notes)


def _syllables(random: Random) -> bytes:
    """Short tones around the pitch of a voice, with pauses between words."""
    pitch = random.uniform(105, 230)
    words: list[bytes] = []
    for _ in range(NOTES // 2):
        words += [
            _tone(pitch * random.uniform(0.85, 1.2), random.uniform(0.12, 0.2), (0.6, 1.0, 0.7, 0.4, 0.3), attack=0.03)
            for _ in range(random.randrange(1, 4))
        ]
        words.append(bytes(2 * int(SAMPLE_RATE * random.uniform(0.05, 0.15))))
    return b"".join(words)


def _tone(pitch: float, seconds: float, overtones: tuple[float, ...], *, attack: float) -> bytes:
    """A tone that swells and fades, so that no edge can be heard where the next one begins."""
    count = int(SAMPLE_RATE * seconds)
    rise = int(SAMPLE_RATE * attack)
    loudness = LOUDNESS / sum(overtones)
    wave = [
        loudness * sum(share * math.sin(math.tau * (number + 1) * step / 256) for number, share in enumerate(overtones))
        for step in range(256)
    ]
    step = pitch * 256 / SAMPLE_RATE
    return array(
        "h",
        (int(wave[int(place * step) & 255] * min(place / rise, 1) * (1 - place / count)) for place in range(count)),
    ).tobytes()


def _encoded(phrase: bytes, samples: int, encoding: Encoding) -> bytes:
    """The phrase over and over until there are enough samples."""
    file = io.BytesIO()
    with av.open(file, "w", format=encoding.container) as container:
        stream: Any = container.add_stream(encoding.codec, rate=SAMPLE_RATE, layout="mono", options=encoding.options)
        length = len(phrase) // 2
        for start in range(0, samples, length):
            count = min(length, samples - start)
            frame = AudioFrame(format=encoding.samples, layout="mono", samples=count)
            frame.planes[0].update(phrase[: 2 * count].ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
