"""Takes the reasoning part out of a response, which is stored apart and never classified.

Three shapes are known: blocks between tags such as ``<think>…</think>``, harmony channels
(gpt-oss), and harmony channels whose special tokens were lost in decoding.
"""

from __future__ import annotations

import re

_NAMES = r"think(?:ing)?|thought|reasoning|seed:think"
_OPEN = rf"<\s*(?:{_NAMES})\s*>|◁think▷|\[THINK\]|<\|begin_of_thought\|>"
_CLOSE = rf"<\s*/\s*(?:{_NAMES})\s*>|◁/think▷|\[/THINK\]|<\|end_of_thought\|>"
_TAG = re.compile(rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)

# possessive, so that a message that never comes is not searched for from every letter
_CHANNEL = re.compile(r"(?:<\|start\|>[a-z]*+)?<\|channel\|>\s*+([a-z]++)[^<]*+<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>.*", re.DOTALL)
_BARE_CHANNELS = re.compile(r"analysis(.*?)assistant(?:<\|channel\|>)?final(.*)", re.DOTALL)


def split_reasoning(text: str) -> tuple[str | None, str]:
    """Split a raw response into its reasoning and its answer.

    A closing tag without an opening one ends reasoning that began in the prompt; an opening tag
    that is never closed leaves no answer after it. Of harmony channels only ``final`` is answer.

    Args:
        text: the response as the model gave it.

    Returns:
        The reasoning, None where there is none, and the answer, both stripped of outer space.
        The answer is empty where a response ended inside its reasoning.
    """
    if "<|channel|>" in text:
        return _split_channels(text)
    bare = _BARE_CHANNELS.fullmatch(text.strip())
    if bare:
        return bare[1].strip() or None, bare[2].strip()
    return _split_blocks(text)


def _split_channels(text: str) -> tuple[str | None, str]:
    pieces = _CHANNEL.split(text)
    reasoning = [_CHANNEL_END.sub("", pieces[0])]
    answer: list[str] = []
    for channel, message in zip(pieces[1::2], pieces[2::2], strict=True):
        part = answer if channel == "final" else reasoning
        part.append(_CHANNEL_END.sub("", message).strip())
    return _joined(reasoning) or None, _joined(answer)


def _split_blocks(text: str) -> tuple[str | None, str]:
    reasoning: list[str] = []
    answer: list[str] = []
    inside, position = False, 0
    for tag in _TAG.finditer(text):
        before = text[position : tag.start()]
        if tag["close"] and not inside:
            reasoning += [*answer, before]
            answer.clear()
        else:
            (reasoning if inside else answer).append(before)
        inside, position = tag["open"] is not None, tag.end()
    (reasoning if inside else answer).append(text[position:])
    return _joined(reasoning) or None, _joined(answer)


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip())
