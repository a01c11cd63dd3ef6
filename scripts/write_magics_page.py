"""Write docs/magics.md from the table of verbs; `make test` fails where it is not up to date."""

# Lines of a page are as long as their paragraphs and tables.
# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

from omega_jupyter.verbs.help import overview, verb_help
from omega_jupyter.verbs.shell import SHELL_VERBS
from omega_jupyter.verbs.table import VERBS

PAGE = Path(__file__).parent.parent / "docs" / "magics.md"

INTRODUCTION = """\
# The verbs

<!-- Written by scripts/write_magics_page.py from the table of verbs: change that, not this page. -->

`%omega VERB …` in a notebook or IPython after `%load_ext omega_jupyter`, and `omega VERB …` in a shell, are the same verbs.

- **Values come back as values**: `pred = %omega predict mymodel X`, or `-o pred`. `-b` gives the task back at once instead.
- **A data argument** is the name of something stored, or else a variable of the notebook (in a shell: a file). Where both exist the stored one is taken, and a
  note says so; `:X` and `$X` always mean the variable, `{X[:10]}` any expression.
- **Names** may have folders, columns and a version or tag: `sales/2026[day,amount]@3`, `sales[^day]`, `sales@-1`, `mymodel@prod`.
- **`key=value`** are keywords of the call: `%omega partial_fit mymodel X y classes=[0,1]`, `%omega get sales amount__gte=100`.
- **`%%omega VERB …`** takes more of them from the lines of the cell, one a line.
- **Waiting**: after half a second a line shows how far the task is. Interrupting the cell ends the waiting, not the task; the message says how to go on.
- **Tab** completes verbs, options, stored names, columns, tags and task ids.
- **Errors** are short, name the thing and the next step, and the cell fails.

| a word | is |
|---|---|
| `X` | the stored X, else the variable X |
| `'X'` | the stored X, never a variable |
| `:X`, `$X`, `$df.values` | the variable, never something stored; one that holds a text stands for that text |
| `{X[:100]}` | the value of a Python expression |
| `[[5.1, 3.5]]` | a list that is written out |
| `X[a,b]`, `X[^a]`, `X@3`, `X@-2`, `X@prod` | columns, all other columns, a version, the last but one, the one with a tag |
| `'my data'`, `"my data"` | one word; a quote within it is written `\\'` or `\\"` |
| `key=value` | a keyword: `0.5`, `None`, `[1, 2]` are values, `lbfgs` and `'0.5'` are texts, `{n}` is an expression |
| `X as sales` | with `put`: X under the name sales |
| `# …` | a comment, to the end of the line |
| `;` | at the end of a line: do not show the value |

To have the magic in every notebook without `%load_ext`, add to `ipython_config.py`: `c.MagicsManager.lazy_magics = {"omega": "omega_jupyter"}`. Formatters leave
cells of magics that they do not know alone; for black: `[tool.black] python-cell-magics = ["omega"]`.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION, "## Overview\n", f"```text\n{overview(VERBS, '%omega')}\n```\n"]
    for verb in VERBS:
        parts += [f"## {verb.name}\n", f"```text\n{verb_help(verb, '%omega')}\n```\n"]
    for verb in SHELL_VERBS:
        shown = verb_help(verb, "omega")
        parts += [f"## {verb.name}, in a shell only\n", f"```text\n{shown}\n```\n"]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
