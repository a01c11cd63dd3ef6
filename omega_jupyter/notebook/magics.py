"""The magics ``%omega`` and ``%%omega``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from omega_jupyter.notebook.caller import SharedOmega
    from omega_jupyter.notebook.completion import OmegaMatcher

__all__ = ["OmegaMagics"]


@magics_class
class OmegaMagics(Magics):
    """The magics of one shell.

    Parameters
    ----------
    shell : InteractiveShell
    matcher : OmegaMatcher
        Completion, which is told when names may have changed.
    """

    def __init__(self, shell: InteractiveShell, matcher: OmegaMatcher) -> None:
        super().__init__(shell)
        self._shell = shell
        self._matcher = matcher
        self._shared: SharedOmega | None = None

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def omega(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """Train, score and use scikit-learn models on remote workers.

        ::

            %omega put X y model as mymodel     store data and models
            %omega fit mymodel X y              run on a worker; the value comes back
            pred = %omega predict mymodel X
            %omega tasks                        what ran, is running, is waiting

        Verbs: put, get, import, export, ls, info, head, mv, cp, tag, keep, rm, store; fit,
        partial_fit, predict, predict_proba, predict_log_proba, decision_function, score,
        transform, inverse_transform, fit_transform, fit_predict, cross_validate, search;
        tasks, status, watch, result, logs, cancel, retry; workers, queues, local, doctor,
        help.
        ``%omega help`` tells what they do,
        ``%omega fit -h`` tells all of one.

        A word is a stored name, else a variable; ``:X`` is always the variable
        and ``{X[:100]}`` an expression, and a word in quotes is a name. ``key=value``
        are keywords of the call. The lines of a ``%%omega`` cell are more of
        them, one a line::

            %%omega partial_fit mymodel X y
            classes = [0, 1]
        """
        # Not before the first use: `%load_ext` costs nothing.
        from omega_jupyter.notebook.caller import NotebookCaller, SharedOmega
        from omega_jupyter.verbs.execute import execute
        from omega_jupyter.verbs.words import split, split_lines

        if self._shared is None:
            self._shared = SharedOmega()
        caller = NotebookCaller(self._shell, self._shared, local_ns or {})
        settings = [] if cell is None else split_lines(cell)
        try:
            value = execute(caller, split(line), settings)
        finally:
            self._matcher.forget()
        return None if self._silenced(line) else value

    def _silenced(self, line: str) -> bool:
        """Whether a ``;`` ends a line that is an expression of its own.

        IPython's ``output_can_be_silenced`` would also empty ``x`` in
        ``x = %omega get X;``.
        """
        history = self._shell.history_manager
        if not line.rstrip().endswith(";") or history is None:
            return False
        try:
            body = ast.parse(history.input_hist_parsed[-1]).body
        except (SyntaxError, IndexError):
            return False
        return any(
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Call)
            and any(
                isinstance(given, ast.Constant) and given.value == line
                for given in statement.value.args
            )
            for statement in body
        )
