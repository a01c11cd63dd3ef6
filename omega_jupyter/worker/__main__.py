"""``python -m omega_jupyter.worker``: a worker with the settings of the environment."""

from __future__ import annotations

import argparse
import sys

from omega_jupyter.config import OmegaConfig
from omega_jupyter.errors import OmegaError
from omega_jupyter.worker.process import run_worker


def main() -> int:
    """Run a worker; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m omega_jupyter.worker", description=__doc__)
    parser.add_argument("--queues", help="comma separated; default: OMEGA_QUEUE or 'omega'")
    parser.add_argument("--concurrency", type=int, help="number of processes")
    parser.add_argument("--name", help="the worker's name before the @host")
    parser.add_argument("--log-level", default="INFO")
    given = parser.parse_args()
    queues = [queue for queue in (given.queues or "").split(",") if queue]
    try:
        run_worker(
            OmegaConfig.load(),
            queues=queues,
            concurrency=given.concurrency,
            name=given.name,
            log_level=given.log_level.upper(),
        )
    except OmegaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
