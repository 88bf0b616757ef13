"""The viewer: can Qt, OpenGL and the plugin be loaded. Looked at in a process of its own, which opens no window.

Qt ends the whole process where it cannot reach a display; that must not end the one that asks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from napari_wbc.installation.check import Check

_LIMIT_S = 180


def check_viewer() -> Check:
    """Check what the viewer needs.

    Returns
    -------
    Check
        A note where napari or a display is missing, a failure where one of them is there and does not work.
    """
    if find_spec("napari") is None:
        return Check("viewer", "note", 'napari is not installed; to have it: pip install "napari-wbc[all]"')
    display = has_display(os.environ, sys.platform)
    environment = {**os.environ} if display else {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-P", "-W", "ignore", "-m", "napari_wbc.gui.viewer_probe"]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Check("viewer", "failed", f"Qt did not start within {_LIMIT_S} s; try: napari --info")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        # The last line of a traceback names the error; Qt puts its reason first and instructions after it.
        why = (
            said[-1]
            if any(line.startswith("Traceback") for line in said)
            else (said or ["no reason given"])[0]
        )
        return Check("viewer", "failed", f"the viewer cannot start: {why}; try: napari --info")
    found = json.loads(lines[-1])
    text = f"napari {found['napari']}, {found['qt']}"
    if not display:
        return Check("viewer", "note", f"{text}; there is no display here, so OpenGL was not tried", found)
    if not found["opengl"]:
        return Check(
            "viewer", "failed", f"{text}, but no OpenGL; install or update the graphics driver", found
        )
    return Check("viewer", "ok", f"{text}, OpenGL {found['opengl']} ({found['renderer']})", found)


def has_display(environment: Mapping[str, str], system: str) -> bool:
    """Tell whether windows can be opened: on Linux only where a display is named.

    Examples
    --------
    >>> has_display({}, "linux"), has_display({"DISPLAY": ":0"}, "linux"), has_display({}, "darwin")
    (False, True, True)
    """
    if environment.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    return system != "linux" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
