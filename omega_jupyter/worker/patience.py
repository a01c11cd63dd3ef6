"""Waiting for a MongoDB or a broker that is away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from celery.utils.log import get_task_logger

from omega_jupyter.errors import Unavailable

__all__ = ["patiently"]

logger = get_task_logger(__name__)

T = TypeVar("T")

PATIENCE_SECONDS = 300.0
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0


def patiently(call: Callable[[], T]) -> T:
    """Return what the call returns, trying again while MongoDB or the broker does not answer.

    A restart of the server must not cost a fit of many hours. The call has to be
    harmless the second time.

    Raises
    ------
    Unavailable
        MongoDB has not answered for five minutes, or has answered with an error.
    kombu.exceptions.OperationalError
        The broker has not answered for five minutes.
    """
    from kombu.exceptions import OperationalError
    from pymongo.errors import ConnectionFailure

    end = time.monotonic() + PATIENCE_SECONDS
    delay = _FIRST_DELAY
    while True:
        try:
            return call()
        except Unavailable as error:
            if not isinstance(error.__cause__, ConnectionFailure) or time.monotonic() > end:
                raise
            logger.warning("Waiting for MongoDB: %s", error.message)
        except OperationalError as error:
            if time.monotonic() > end:
                raise
            logger.warning("Waiting for the broker: %s", error)
        time.sleep(delay)
        delay = min(2 * delay, _LONGEST_DELAY)
