"""A dask cluster on this computer: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Loopback:
    """A scheduler and its workers."""

    folder: Path
    address: str = ""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_scheduler(self) -> None:
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        self.scheduler = self._dask(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show",
            "--scheduler-file", str(file),
        )  # fmt: skip
        self._wait(file.exists)
        time.sleep(0.1)
        self.address = json.loads(file.read_text())["address"]

    def start_worker(self) -> subprocess.Popen[bytes]:
        before = self.count_workers()
        worker = self._dask(
            "worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--local-directory", str(self.folder),
        )  # fmt: skip
        self.workers.append(worker)
        self._wait(lambda: self.count_workers() > before)
        return worker

    def count_workers(self) -> int:
        import distributed

        with distributed.Client(self.address, set_as_default=False) as client:
            return len(client.nthreads())

    def kill(self, process: subprocess.Popen[bytes] | None) -> None:
        """Kill a process without a warning (kill -9)."""
        assert process is not None
        process.kill()
        process.wait()
        if process in self.workers:
            self.workers.remove(process)

    def stop(self) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.kill()
            process.wait()
        self.workers, self.scheduler = [], None

    def _dask(self, *argv: str) -> subprocess.Popen[bytes]:
        # Workers import the jobs of the tests.
        paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *argv],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        )

    @staticmethod
    def _wait(true) -> None:
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end, "dask did not start in time"
            time.sleep(0.05)


@contextmanager
def loopback(folder: Path, workers: int) -> Iterator[Loopback]:
    """Start a cluster, and end all of it."""
    cluster = Loopback(folder)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()
