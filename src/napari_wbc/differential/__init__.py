"""The differential count of a slide: shares with intervals, flags, report and exports."""

from __future__ import annotations

#: The line that every export carries.
RESEARCH_USE = "For research use only. Not for use in diagnostic procedures."
