"""The cores that each process of a worker may use."""

from __future__ import annotations

import os
from typing import Any

from joblib._parallel_backends import SequentialBackend, ThreadingBackend

__all__ = ["SharedThreads", "share_cores"]

_share = {"cores": 1}


def share_cores(processes: int) -> None:
    """Give each of so many pool processes its share; to be called before they are forked.

    BLAS and OpenMP would start a thread per core in each.
    """
    _share["cores"] = max(1, len(os.sched_getaffinity(0)) // processes)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(_share["cores"]))


class SharedThreads(ThreadingBackend):
    """joblib's threads, no more than the process's share of cores.

    A pool process may have no children of its own: joblib would fall back to one job.
    """

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many jobs run at once: of -1 the share, and never more than that."""
        share = _share["cores"]
        if n_jobs is None or n_jobs >= 0:
            return min(int(super().effective_n_jobs(n_jobs)), share)
        return max(share + 1 + n_jobs, 1)

    def get_nested_backend(self) -> tuple[Any, int | None]:
        """Return what jobs of these jobs run on: their own thread, since the share is used."""
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), None
