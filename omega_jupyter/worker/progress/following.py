"""Following one fit: what is known of it is passed on while it runs."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from omega_jupyter.worker.progress.callback import FitCallback
from omega_jupyter.worker.progress.meter import Meter, Reading
from omega_jupyter.worker.progress.probes import probing

__all__ = ["followed"]

INTERVAL_SECONDS = 0.25

Report = Callable[[dict[str, Any]], None]


def _nothing() -> None:
    """Do nothing."""


@contextmanager
def followed(
    estimator: Any, report: Report, checkpoint: Callable[[], None] = _nothing
) -> Iterator[Meter]:
    """Report how far a fit in the block is, four times a second and never backwards.

    What can be known depends on the estimator: pipelines and searches tell it
    themselves (scikit-learn 1.9), of ensembles and boosting it can be seen, and of
    the rest nothing is reported. The fit and its result are the same as without.

    Parameters
    ----------
    estimator : estimator
        Left as it was: callbacks would be cloned and stored with it.
    report : callable
        Takes ``{"fraction": float or None, "step": str}``; called from a thread
        of its own, so that a slow database does not hold up the fit.
    checkpoint : callable
        Called in the main thread wherever the fit passes through our hands; may
        raise to end it.
    """

    def in_main_thread() -> None:
        # An error in a thread of joblib's would leave the fit waiting for it for ever.
        if threading.current_thread() is threading.main_thread():
            checkpoint()

    meter = Meter()
    tells = hasattr(estimator, "set_callbacks")
    if tells:
        estimator.set_callbacks(FitCallback(meter, in_main_thread))
    ended = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(meter, report, ended), name="omega-progress", daemon=True
    )
    watcher.start()
    try:
        with probing(meter, in_main_thread), warnings.catch_warnings():
            # A pipeline says so of each step that tells nothing: that is no news for users.
            warnings.filterwarnings("ignore", ".* does not support callbacks", UserWarning)
            yield meter
    finally:
        ended.set()
        watcher.join()
        if tells:
            estimator.set_callbacks()


def _watch(meter: Meter, report: Report, ended: threading.Event) -> None:
    told = Reading(0.0, "")
    while not ended.wait(INTERVAL_SECONDS):
        reading = meter.read()
        if reading.fraction is not None and reading.fraction < (told.fraction or 0.0):
            reading = reading._replace(fraction=told.fraction)
        if reading.fraction is None or reading == told:
            continue
        told = reading
        report({"fraction": round(reading.fraction, 4), "step": reading.step})
