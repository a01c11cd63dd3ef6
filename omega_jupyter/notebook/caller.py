"""The notebook that a verb is called from."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import OmegaConfig
from omega_jupyter.notebook.display import line_for
from omega_jupyter.verbs.caller import Caller
from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from omega_jupyter.omega import Omega
    from omega_jupyter.verbs.verb import Verb
    from omega_jupyter.verbs.waiting import Line

__all__ = ["NotebookCaller", "SharedOmega"]


class SharedOmega:
    """The one Omega of a shell, made anew when the settings have changed.

    So ``%env OMEGA_MONGO_URL=…`` counts from the next line on.
    """

    def __init__(self) -> None:
        self._om: Omega | None = None

    def get(self, notify: Callable[[str], None]) -> Omega:
        """Return it."""
        if self._om is None or self._om.config != OmegaConfig.load():
            from omega_jupyter.omega import Omega

            self._om = Omega(notify=notify)
        return self._om


class NotebookCaller(Caller):
    """A cell: its variables, its output.

    Parameters
    ----------
    shell : InteractiveShell
    shared : SharedOmega
    scope : mapping
        The local variables of where the magic stands.
    """

    prefix = "%omega"
    own_kind = "variable"

    def __init__(
        self, shell: InteractiveShell, shared: SharedOmega, scope: Mapping[str, Any]
    ) -> None:
        self._shell = shell
        self._shared = shared
        self._scope = scope

    @property
    def verbs(self) -> Sequence[Verb]:
        """All but those that need a shell."""
        from omega_jupyter.verbs.table import VERBS

        return VERBS

    @property
    def om(self) -> Omega:
        """The shell's Omega."""
        return self._shared.get(say)

    def say(self, text: str) -> None:
        """Print a line into the cell's output."""
        say(text)

    def has(self, name: str) -> bool:
        """Return whether there is such a variable."""
        return name in self._scope or name in self._shell.user_ns

    def take(self, name: str) -> Any:
        """Return the variable's value; local ones hide global ones."""
        return self._scope[name] if name in self._scope else self._shell.user_ns[name]

    def names(self) -> Iterable[str]:
        """Return the variables that the user has made."""
        hidden = self._shell.user_ns_hidden
        own = {name for name in self._shell.user_ns if name not in hidden}
        return sorted(name for name in own | set(self._scope) if not name.startswith("_"))

    def evaluate(self, expression: str) -> Any:
        """Return the expression's value in the scope of the cell."""
        scope = {**self._shell.user_ns, **self._scope}
        try:
            # The user's own code, in the user's own kernel; it may raise anything.
            return eval(expression, scope)  # noqa: S307
        except Exception as error:
            raise UsageError(
                f"{expression!r} has no value here: {type(error).__name__}: {error}"
            ) from error

    def check_target(self, target: str, *, files: bool) -> None:
        """Refuse what can't be a variable."""
        if not target.isidentifier() or keyword.iskeyword(target):
            raise UsageError(f"-o {target}: {target!r} can't be the name of a variable")

    def keep(self, target: str, value: Any) -> None:
        """Bind the value to a global variable."""
        self._shell.user_ns[target] = value
        shape = getattr(value, "shape", None)
        shown = type(value).__name__ if shape is None else f"{type(value).__name__} {shape}"
        say(f"{target}: {shown}")

    def line(self) -> Line:
        """Return a line in the cell's output, or in the terminal."""
        return line_for(self._shell, self.prefix)


def say(text: str) -> None:
    """Print a line, as the cell's own output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
