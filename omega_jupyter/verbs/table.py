"""The table of verbs: magic, CLI, help, completion and docs are made from it."""

from __future__ import annotations

from omega_jupyter.verbs.themes.calls import CALL_VERBS, CALLS
from omega_jupyter.verbs.themes.keeping import KEEPING_VERBS
from omega_jupyter.verbs.themes.services import SERVICE_VERBS, SERVICES
from omega_jupyter.verbs.themes.stored import STORED, STORED_VERBS
from omega_jupyter.verbs.themes.tasks import TASK_VERBS, TASKS
from omega_jupyter.verbs.verb import Verb

__all__ = ["THEMES", "VERBS"]

THEMES = (STORED, CALLS, TASKS, SERVICES)

VERBS: tuple[Verb, ...] = (
    *STORED_VERBS,
    *KEEPING_VERBS,
    *CALL_VERBS,
    *TASK_VERBS,
    *SERVICE_VERBS,
)
