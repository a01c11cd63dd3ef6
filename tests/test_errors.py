"""Errors name the thing and the next step, and survive any wire."""

from __future__ import annotations

import json
import pickle

import pytest

from omega_jupyter import errors

NAMED = [getattr(errors, name) for name in errors.__all__]
ALL = [cls for cls in NAMED if issubclass(cls, errors.OmegaError)]
EXTRA: dict[type, dict[str, object]] = {
    errors.Unavailable: {"hop": "broker"},
    errors.TaskFailed: {"task_id": "1"},
    errors.Untrusted: {"types": ["a.B"]},
}


@pytest.mark.parametrize("cls", ALL)
def test_message_hint_and_code_are_shown_and_sent(cls: type[errors.OmegaError]) -> None:
    error = cls("No model 'm'", hint="%omega ls", **EXTRA.get(cls, {}))

    assert str(error) == "No model 'm'\n  → %omega ls"
    assert error._render_traceback_() == [f"{cls.__name__}: {error}"]
    sent = json.loads(json.dumps(error.to_dict()))
    assert sent["code"] == cls.code
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.__dict__) == (str(error), error.__dict__)


def test_codes_are_unique() -> None:
    assert len({cls.code for cls in ALL}) == len(ALL)
