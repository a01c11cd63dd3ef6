"""The command ``omega``: the verbs of the magics in a shell, and those that need one."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid, OmegaError
from omega_jupyter.verbs.caller import Caller
from omega_jupyter.verbs.execute import execute
from omega_jupyter.verbs.shell import SHELL_VERBS
from omega_jupyter.verbs.table import VERBS
from omega_jupyter.verbs.usage import UsageError
from omega_jupyter.verbs.verb import Verb
from omega_jupyter.verbs.waiting import Detached, Line, TerminalLine
from omega_jupyter.verbs.words import Word

if TYPE_CHECKING:
    from omega_jupyter.omega import Omega

__all__ = ["main"]

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
SUFFIXES = (".csv", ".parquet", ".npy", ".json")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0: done; 1: it could not be done; 2: the line is wrong; 130: Ctrl-C.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments == ["--version"]:
        from omega_jupyter import __version__

        sys.stdout.write(f"{__version__}\n")
        return DONE
    try:
        value = execute(ShellCaller(), [Word.of_argv(text) for text in arguments])
        if value is not None:
            sys.stdout.write(f"{_text(value)}\n")
            sys.stdout.flush()
    except (OmegaError, Detached) as error:
        # The hints of the layers below are written for notebooks.
        sys.stderr.write(f"omega: {error}\n".replace("%omega", "omega"))
        if isinstance(error, Detached):
            return INTERRUPTED
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # `omega ls | head`: nobody reads on. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return FAILED if _tells_of_something_bad(value) else DONE


def _tells_of_something_bad(value: Any) -> bool:
    """Look at the ``ok`` of what is ours; a user's frame may have a column of that name."""
    ours = type(value).__module__.partition(".")[0] == __name__.partition(".")[0]
    return ours and getattr(value, "ok", True) is False


class ShellCaller(Caller):
    """A shell: files instead of variables."""

    prefix = "omega"
    own_kind = "file"

    @cached_property
    def om(self) -> Omega:
        """The Omega of this command."""
        from omega_jupyter.omega import Omega

        return Omega(notify=self.say)

    @property
    def verbs(self) -> Sequence[Verb]:
        """Those of the magics, and those that only a shell has."""
        return (*VERBS, *SHELL_VERBS)

    def say(self, text: str) -> None:
        """Write a line beside the output, which another program may read."""
        sys.stderr.write(f"{text}\n")

    def show(self, text: str) -> None:
        """Write to the output."""
        sys.stdout.write(f"{text}\n")

    def stored_name(self, name: str) -> str:
        """Return a file's name without folder and suffix."""
        return Path(name).stem

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""
        return os.path.exists(name)

    def take(self, name: str) -> Any:
        """Read a file of data; one of another kind is kept as it is."""
        path = Path(name)
        return read_file(path) if path.suffix in SUFFIXES else path

    def names(self) -> Iterable[str]:
        """Return the files of the working directory."""
        return sorted(path.name for path in Path().iterdir())

    def evaluate(self, expression: str) -> Any:
        """Return a literal's value, or the file that ``:name`` names."""
        if self.has(expression):
            return self.take(expression)
        try:
            return ast.literal_eval(expression)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise UsageError(
                f"{expression!r} is neither a file nor a value; a shell has no variables"
            ) from None

    def check_target(self, target: str, *, files: bool) -> None:
        """Refuse a file of an unknown kind, or in a folder that is not there."""
        path = Path(target)
        if path.suffix not in SUFFIXES and not files:
            raise UsageError(f"-o {target}: the file's name ends in one of {', '.join(SUFFIXES)}")
        if not path.parent.is_dir():
            raise UsageError(f"-o {target}: there is no folder {str(path.parent)!r}")

    def keep(self, target: str, value: Any) -> None:
        """Write a file."""
        write_file(Path(target), value)

    def line(self) -> Line:
        """Return a line on the terminal."""
        return TerminalLine(self.prefix, sys.stderr)


def read_file(path: Path) -> Any:
    """Read a data file: a frame, an array or plain data.

    Raises
    ------
    Invalid
        It is not what its suffix says.
    """
    import numpy as np
    import pandas as pd

    try:
        match path.suffix:
            case ".csv":
                return pd.read_csv(path)
            case ".parquet":
                return pd.read_parquet(path)
            case ".npy":
                return np.load(path, allow_pickle=False)
        import json

        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"{str(path)!r} can't be read: {error}") from None


def write_file(path: Path, value: Any) -> None:
    """Write a value in the form that the suffix says; all of it, or nothing.

    Files and bytes are written as they are, whatever the suffix.

    Raises
    ------
    Invalid
        The value has no such form, or the file can't be written.
    """
    from omega_jupyter.store.files.stored_file import StoredFile

    if isinstance(value, StoredFile):
        value.save(path)
        return
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        _write(part, value)
        part.replace(path)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).replace(part.name, path.name)
        raise Invalid(f"{str(path)!r} can't be written: {reason}") from None
    finally:
        part.unlink(missing_ok=True)


def _listed(value: Any) -> Any:
    """Return an array or scalar of numpy within plain data as JSON has it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"it holds a {type(value).__name__}")


def _write(path: Path, value: Any) -> None:
    import json

    import numpy as np
    import pandas as pd

    if isinstance(value, bytes | bytearray | memoryview):
        path.write_bytes(value)
        return
    if path.suffix not in SUFFIXES:
        kind = type(value).__name__
        raise TypeError(f"a {kind} is written to files that end in one of {', '.join(SUFFIXES)}")
    is_array = isinstance(value, np.ndarray | pd.api.extensions.ExtensionArray)
    if path.suffix == ".npy":
        np.save(path, _without_objects(np.asarray(value)), allow_pickle=False)
        return
    if path.suffix == ".json":
        plain = value.tolist() if is_array else value
        plain = plain.to_dict() if hasattr(plain, "to_dict") else plain
        path.write_text(json.dumps(plain, default=_listed), encoding="utf-8")
        return
    frame = pd.DataFrame(value) if is_array or isinstance(value, pd.Series) else value
    if isinstance(value, pd.Index) or type(value).__module__.startswith(("polars.", "pyarrow.")):
        frame = _frame_of(value)
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"it is a {type(value).__name__}")
    frame = frame.set_axis(frame.columns.map(str), axis=1)
    if path.suffix == ".csv":
        frame.to_csv(path, index=not isinstance(frame.index, pd.RangeIndex))
    else:
        frame.to_parquet(path)


def _without_objects(array: Any) -> Any:
    """Return an array of texts, such as predicted labels, as numpy has them without pickle."""
    is_text = array.dtype == object and all(isinstance(item, str) for item in array.flat)
    return array.astype(str) if is_text else array


def _frame_of(value: Any) -> Any:
    """Return a table of another library as the store sees it: the same columns and types."""
    from omega_jupyter.store.codecs.codec import codec_for
    from omega_jupyter.store.codecs.frame import TableCodec

    codec = codec_for(value, "datasets")
    return codec.frame_of(value) if isinstance(codec, TableCodec) else value


def _text(value: Any) -> str:
    """Return what a shell shows: of a task its id, which other commands take."""
    from omega_jupyter.runtime.task import OmegaTask

    return value.id if isinstance(value, OmegaTask) else str(value)
