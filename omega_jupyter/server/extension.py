"""The Jupyter Server extension behind the panel."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Integer

from omega_jupyter.server.handlers import ObjectsHandler
from omega_jupyter.server.objects import ObjectsReader

__all__ = ["OmegaExtension"]


class OmegaExtension(ExtensionApp):
    """Answers the panel's requests below ``omega/``.

    Settings, as in ``c.OmegaExtension.timeout = 20`` of
    ``jupyter_server_config.py``: see the traits.
    """

    name = "omega_jupyter"
    load_other_extensions = True

    timeout = Float(
        5.0, min=0.1, help="Seconds that the database has to answer a request of the panel."
    ).tag(config=True)
    threads = Integer(
        4, min=1, help="How many requests of the panel may wait for the database at once."
    ).tag(config=True)

    def initialize_settings(self) -> None:
        """Make what the handlers share."""
        self._objects = ObjectsReader(timeout=self.timeout, threads=self.threads)

    def initialize_handlers(self) -> None:
        """Add the handlers to the server."""
        self.handlers.append(("omega/objects", ObjectsHandler, {"reader": self._objects}))

    async def stop_extension(self) -> None:
        """Let go of the threads when the server ends."""
        self._objects.close()
