"""Serving: the socket is taken first, so that a taken port is an error before anything else happens."""

import socket

import uvicorn
from fastapi import FastAPI

from cryptopilot.domain.errors import InvalidValueError

_LOOPBACK = {"127.0.0.1": socket.AF_INET, "localhost": socket.AF_INET, "::1": socket.AF_INET6}


def take_port(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes any free one.

    Raises:
        InvalidValueError: the port is taken, or the address is not of this machine alone.
    """
    if host not in _LOOPBACK:
        raise InvalidValueError(
            "HOST",
            host,
            "127.0.0.1, localhost or ::1; other addresses need the sign-in, which this version does not have",
        )
    taken = socket.socket(_LOOPBACK[host])
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise InvalidValueError("PORT", port, f"a free port ({error.strerror}); set PORT to another") from error
    return taken


def make_server(app: FastAPI) -> uvicorn.Server:
    """A server that is told to stop by its `should_exit`."""
    return uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
