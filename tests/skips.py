"""Where tests cannot run."""

from __future__ import annotations

import os
from ctypes.util import find_library

import pytest

needs_posix_signals = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

#: WeasyPrint sets text with the library Pango, which pip does not bring.
HAS_PANGO = any(find_library(name) for name in ("pango-1.0", "libpango-1.0-0"))
needs_pango = pytest.mark.skipif(not HAS_PANGO, reason="the library Pango is not installed")
