"""A real Dask cluster of two worker processes on this machine, for tests: ``python -m tests.fakes.cluster``.

It prints its address, and ends when its standard input does: so it never outlives who started it.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptopilot.adapters.pools.cluster import Address

ROOT = Path(__file__).parents[2]


class Papers(NamedTuple):
    """PEM files: who signs, and one certificate with its key for scheduler, workers and us."""

    authority: Path
    certificate: Path
    key: Path


def papers(folder: Path, name: str = "ours") -> Papers:
    """An authority of its own, and a certificate that it has signed."""
    made = Papers(folder / f"{name}-ca.pem", folder / f"{name}.pem", folder / f"{name}-key.pem")
    authority_key, request = folder / f"{name}-ca-key.pem", folder / f"{name}.csr"
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        ["req", "-x509", *new_key, "-keyout", authority_key, "-out", made.authority, "-subj", "/CN=authority"],
        ["req", *new_key, "-keyout", made.key, "-out", request, "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", request, "-CA", made.authority, "-CAkey", authority_key, "-out", made.certificate],
    ):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)
    return made


@contextmanager
def a_cluster(signed: Papers | None = None, workers: int = 2) -> Iterator[Address]:
    """Its address, and the papers it takes."""
    arguments = [str(workers), *map(str, signed or ())]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.cluster", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
    ) as cluster:  # fmt: skip
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        try:
            yield Address(cluster.stdout.readline().strip(), *(signed or ()))
        finally:
            cluster.stdin.close()


def main(arguments: list[str]) -> None:
    import dask
    from distributed import LocalCluster, Security

    workers, *files = arguments
    sides = ("scheduler", "worker", "client")
    authority, certificate, key = files or ("", "", "")
    named = {f"tls_{side}_{kind}": path for side in sides for kind, path in (("cert", certificate), ("key", key))}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(
            n_workers=int(workers),
            threads_per_worker=1,
            dashboard_address=None,
            host="127.0.0.1",
            protocol="tls" if files else "tcp",
            security=Security(tls_ca_file=authority, require_encryption=True, **named) if files else None,
        ) as cluster,
    ):
        sys.stdout.write(f"{cluster.scheduler_address}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
