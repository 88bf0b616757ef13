"""Inputs that were altered at random, and what every reader of ours makes of them."""

import sys
from pathlib import Path

# What the tests share is imported by its own name there, as pytest finds it.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
