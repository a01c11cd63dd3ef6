"""What a notebook shows while a task runs."""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING, Any

from omega_jupyter.verbs.waiting import Line, TerminalLine, text_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import DisplayHandle

__all__ = ["KernelLine", "line_for"]


class KernelLine(Line):
    """A line in a notebook: an output that is updated in place.

    HTML with a bar, and text for what shows no HTML. The frontend keeps its last
    state in the saved notebook.
    """

    _handle: DisplayHandle | None = None

    def draw(self, what: str, fraction: float | None, activity: str) -> None:
        """Show or update the output."""
        # A bar of unknown length would be animated for ever in a saved notebook.
        bar = "" if fraction is None else f"<progress max='1' value='{fraction:.4f}'></progress> "
        percent = "" if fraction is None else f"{fraction:.0%} "
        self._show(
            text_line(what, fraction, activity),
            f"<div>{escape(what)} {bar}{percent}{escape(activity)}</div>",
        )

    def end(self, text: str) -> None:
        """Replace the bar by a last line."""
        self._show(text, f"<div>{escape(text)}</div>")

    def _show(self, text: str, html: str) -> None:
        from IPython.display import display

        bundle: dict[str, Any] = {"text/plain": text, "text/html": html}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call] # IPython's
        else:
            self._handle.update(bundle, raw=True)  # type: ignore[no-untyped-call] # IPython's


def line_for(shell: InteractiveShell, prefix: str) -> Line:
    """Return a line that the shell can show."""
    if hasattr(shell, "kernel"):
        return KernelLine(prefix)
    return TerminalLine(prefix, sys.stdout)
