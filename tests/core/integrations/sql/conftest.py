"""A real PostgreSQL on loopback; it refuses to run as root, so then it runs as postgres."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        assert not os.environ.get("CI"), "PostgreSQL is not installed, and CI must not skip it"
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    binaries = found[-1].parent
    # Not pytest's own folder: only its owner may enter that.
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())  # noqa: S607 -- Debian's
    as_postgres: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_postgres = ["runuser", "-u", "postgres", "--"]
    data, port = folder / "data", free_port()
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-N"]
    subprocess.run([*as_postgres, *initdb], check=True, stdout=subprocess.DEVNULL)
    options = f"-p {port} -h 127.0.0.1 -k {folder} -F -c shared_buffers=16MB -c max_connections=20"
    pg_ctl = [*as_postgres, str(binaries / "pg_ctl"), "-D", str(data), "-l", str(folder / "log")]
    subprocess.run([*pg_ctl, "-w", "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    subprocess.run([*pg_ctl, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder)


@pytest.fixture
def accounts(dsn: str) -> str:
    """A table with one account of 100."""
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE IF EXISTS accounts")
        connection.execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int)")
        connection.execute("INSERT INTO accounts VALUES (1, 100)")
    return dsn
