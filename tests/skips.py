"""Where tests cannot run."""

from __future__ import annotations

import os

import pytest

needs_posix_signals = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
