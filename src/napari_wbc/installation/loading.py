"""Whether modules can be loaded, in a process of its own: a broken one may end it, or harm the viewer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

_CHILD = """
import importlib, json, sys
for name in sys.argv[1:]:
    print(json.dumps(name), flush=True)
    try:
        importlib.import_module(name)
        reason = ""
    except BaseException as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    print(json.dumps(reason), flush=True)
"""


def cannot_be_loaded(modules: Sequence[str]) -> dict[str, str]:
    """Say which modules cannot be loaded, and why.

    Not in this process: a package may end it, or bring in what does not go with a viewer, as triton does, whose copy of
    LLVM crashes one that draws with Mesa.

    Parameters
    ----------
    modules : sequence of str
        Names to import, one after the other.

    Returns
    -------
    dict of str to str
        The reason, for those that failed.

    Examples
    --------
    >>> sorted(cannot_be_loaded(["json", "no_such_module"]))
    ['no_such_module']
    """
    failed: dict[str, str] = {}
    left = list(modules)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    while left:
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, *left],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = [json.loads(line) for line in child.stdout.splitlines() if line.startswith('"')]
        names, reasons = said[::2], said[1::2]
        failed |= {name: reason for name, reason in zip(names, reasons, strict=False) if reason}
        if len(reasons) == len(left):
            break
        # It ended over the last one that it began with; without any, Python itself does not start.
        over = names[-1] if len(names) > len(reasons) else left[len(reasons)]
        failed[over] = f"it ends Python, status {child.returncode}"
        left = left[len(reasons) + 1 :]
    return failed
