"""Starts llama_cpp.server with the chat format ``as-is`` known to it."""

from __future__ import annotations

import as_is  # noqa: F401 - registers the format
from llama_cpp.server.__main__ import main

main()
