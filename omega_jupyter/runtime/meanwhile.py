"""Something that takes time for waiting, done in a thread while something else waits too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

__all__ = ["meanwhile"]


def meanwhile(call: Callable[[], None]) -> Future[None]:
    """Begin with a call, and go on.

    A thread of its own and no pool: it costs less than a tenth of a millisecond, and
    neither a fork nor the interpreter's end has to be thought of.

    Parameters
    ----------
    call : callable

    Returns
    -------
    concurrent.futures.Future
        Ends with the call; has what it raised.
    """
    done: Future[None] = Future()

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - who waits for it gets it
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=run, name="omega-meanwhile", daemon=True).start()
    return done
