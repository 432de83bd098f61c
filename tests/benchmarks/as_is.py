"""A chat format of llama-cpp-python: one message, already rendered, is the whole prompt."""

from __future__ import annotations

from typing import Any

from llama_cpp.llama_chat_format import ChatFormatterResponse, register_chat_format

NAME = "as-is"


@register_chat_format(NAME)
def _render(messages: list[Any], **_: Any) -> ChatFormatterResponse:
    return ChatFormatterResponse(prompt=messages[-1]["content"])
