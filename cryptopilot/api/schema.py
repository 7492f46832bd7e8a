"""The OpenAPI document, the stream's messages included: `python -m cryptopilot.api.schema` prints it."""

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from cryptopilot import __version__
from cryptopilot.api.links import add_links
from cryptopilot.runtime.shapes.stream import FromClient, FromServer

_REF = "#/components/schemas/{model}"
_ABOUT = (
    "A WebSocket. The first message signs in (`Authenticate`); `Subscribe` names topics. What is sent is one of "
    "`StreamFromClient`, what is heard one of `StreamFromServer`. Close codes: 4401 token missing, refused or "
    "expired; 4403 session ended; 4408 too slow a reader; 4429 too many listeners, or too many of one address that "
    "have yet to sign in; 1012 the server stops."
)


def openapi_with_stream(app: FastAPI) -> None:
    """Let *app* describe the stream as well, which OpenAPI itself has no words for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=__version__, routes=app.routes)
            schemas = found["components"]["schemas"]
            adapters: dict[str, TypeAdapter[Any]] = {
                "StreamFromClient": TypeAdapter(FromClient),
                "StreamFromServer": TypeAdapter(FromServer),
            }
            for name, adapter in adapters.items():
                schema = adapter.json_schema(ref_template=_REF)
                schemas.update(schema.pop("$defs"))
                schemas[name] = schema
            found["x-stream"] = {"path": "/api/stream", "description": _ABOUT}
            add_links(found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def main() -> None:
    """Print the document; it needs no service behind it."""
    from cryptopilot.api.app import bare_app  # noqa: PLC0415  # The application knows this module.

    json.dump(bare_app(None).openapi(), sys.stdout, indent=1, sort_keys=True)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
