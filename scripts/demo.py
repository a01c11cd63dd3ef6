"""Run a notebook from top to bottom in a real kernel and print what happened."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def shown(output: nbformat.NotebookNode) -> str:
    """Return what a terminal can show of a cell's output."""
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error":
        return "\n".join(output.traceback)
    return str(output.get("data", {}).get("text/plain", ""))


def main(path: Path) -> int:
    """Run the notebook; return the exit status."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}})
    manager = client.create_kernel_manager()
    # Files instead of ports: nobody else can listen, and the kernel need not warn of it.
    sockets = tempfile.TemporaryDirectory(prefix="omega-demo-")
    manager.transport, manager.ip = "ipc", f"{sockets.name}/kernel"
    began = time.monotonic()
    failed: CellExecutionError | None = None
    with sockets, client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "markdown":
                print(f"\n{cell.source}\n")
                continue
            print("\n".join(f"    {line}" for line in cell.source.splitlines()))
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                failed = error
            for output in cell.outputs:
                text = shown(output).rstrip()
                if text:
                    print(text)
            if failed:
                break
    print(f"\n{path}: {'failed' if failed else 'done'} after {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
