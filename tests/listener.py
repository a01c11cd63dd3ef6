"""Who hears of each command that is sent to MongoDB, and of its answer."""

from __future__ import annotations

from pymongo import monitoring


class Listener(monitoring.CommandListener):
    """Does nothing about any of them; a test's own says about which it does."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Hear of a command that is about to be sent."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Hear of an answer."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Hear of an error."""
