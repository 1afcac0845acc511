"""A server of the Model Context Protocol on standard input and output,
by the protocol's own SDK.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from fitprint import __version__
from fitprint.cli.answers import ANSWERS, INSTRUCTIONS, description
from fitprint.errors import FitprintError
from fitprint.views.excerpt import excerpt
from fitprint.views.wording import clean

__all__ = ["new_server", "serve"]

_MOST = 4_000  # characters of an error


def new_server() -> Any:
    """Return a server with all tools.

    Raises:
        ImportError: the SDK is not installed, or it is an older one.
    """
    from mcp.server import MCPServer
    from mcp.types import ToolAnnotations

    server = MCPServer(
        "fitprint", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING"
    )
    reads = ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
    for answer in ANSWERS:
        server.add_tool(
            _tool(answer),
            description=description(answer),
            annotations=reads,
            structured_output=False,
        )
    return server


def serve(server: Any) -> None:
    """Answer until standard input ends.

    The SDK keeps standard output for itself, and sends what else is printed to standard error.
    """
    # an exception would wait for the thread that waits for the next line
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        server.run("stdio")
    finally:
        signal.signal(signal.SIGINT, before)


def _tool(answer: Callable[..., Mapping[str, Any]]) -> Callable[..., str]:
    from mcp.server.mcpserver.exceptions import ToolError

    @wraps(answer)
    def tool(**arguments: Any) -> str:
        try:
            return excerpt(answer(**arguments))
        except FitprintError as error:
            raise ToolError(_sentence(str(error))) from None
        except OSError as error:
            raise ToolError(
                _sentence(f"{error.strerror or error}; `fitprint doctor` may know why")
            ) from None

    return tool


def _sentence(text: str) -> str:
    return "\n".join(map(clean, text[:_MOST].splitlines()))
