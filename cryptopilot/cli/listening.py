"""Who listens on a port of this machine, as far as the kernel lets us see."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp; https://docs.kernel.org/networking/proc_net_tcp.html"""

_ADDRESS, _STATE, _INODE = 1, 3, 9


class Listener(NamedTuple):
    """A process with a listening socket, and how it was called."""

    process: int
    command: str


def listener_on(port: int, proc: Path = Path("/proc")) -> Listener | None:
    """Who listens on *port*; None when nobody does, or it is somebody else's process, or this is no Linux."""
    sockets = set(_sockets(port, proc))
    if not sockets:
        return None
    for link in proc.glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in sockets:
                folder = link.parents[1]
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return Listener(int(folder.name), " ".join(words).strip())
        except OSError:  # It has ended meanwhile, or belongs to somebody else.
            continue
    return None


def _sockets(port: int, proc: Path) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[_STATE] == _LISTEN and int(fields[_ADDRESS].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[_INODE]}]"
