"""A worker as on another machine, of which it is noticed sooner when it is gone.

`ELSEWHERE` is the machine's name, `ELSEWHERE_SKLEARN` the scikit-learn that it has. What is
twenty seconds for users is three here.
"""

from __future__ import annotations

import os
import socket
import sys

from omega_jupyter.runtime import records

HEARTBEAT_SECONDS, LEASE_SECONDS = 0.3, 3.0


def run() -> int:
    """Run the worker with the settings of the environment."""
    host = os.environ["ELSEWHERE"]
    socket.gethostname = lambda: host
    records.HEARTBEAT_SECONDS, records.LEASE_SECONDS = HEARTBEAT_SECONDS, LEASE_SECONDS

    # They take the numbers over when they are imported.
    from omega_jupyter.runtime import app, claim
    from omega_jupyter.runtime.transport import transport
    from omega_jupyter.worker import __main__

    claim.SECOND_CHANCE_SECONDS = 0.5
    transport.LEASE_SECONDS = LEASE_SECONDS
    app._SETTINGS["broker_heartbeat"] = 2
    if "ELSEWHERE_SKLEARN" in os.environ:
        from omega_jupyter.worker import control

        there = control.versions() | {"scikit-learn": os.environ["ELSEWHERE_SKLEARN"]}
        control.versions = lambda: there
    return __main__.main()


if __name__ == "__main__":
    sys.exit(run())
