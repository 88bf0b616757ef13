"""What ``napari-wbc doctor`` runs in a process of its own: loads Qt, OpenGL and the plugin, and opens no window.

Prints one line of JSON.
"""

from __future__ import annotations

import json
from importlib.metadata import version


def main() -> None:
    """Load what the viewer needs and tell the versions."""
    import qtpy
    from npe2 import PluginManifest
    from qtpy.QtWidgets import QApplication

    application = QApplication([])
    opengl, renderer = _opengl()
    manifest = PluginManifest.from_distribution("napari-wbc")
    manifest.validate_imports()
    found = {
        "napari": version("napari"),
        "qt": f"{qtpy.API_NAME} {qtpy.PYQT_VERSION or qtpy.PYSIDE_VERSION}",
        "platform": application.platformName(),
        "opengl": opengl,
        "renderer": renderer,
        "widgets": len(manifest.contributions.widgets or []),
    }
    print(json.dumps(found))  # noqa: T201 - read by napari_wbc.installation.viewer


def _opengl() -> tuple[str, str]:
    """Give version and renderer by a surface that is not shown; empty where there is none."""
    from qtpy.QtGui import QOffscreenSurface, QOpenGLContext

    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        return "", ""
    # By the same way as napari draws.
    from vispy.gloo import gl

    names = str(gl.glGetParameter(gl.GL_VERSION)), str(gl.glGetParameter(gl.GL_RENDERER))
    context.doneCurrent()
    return names


if __name__ == "__main__":
    main()
