"""What came of a fault that was injected many times."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "reliability"


@dataclass
class Outcome:
    """A fault, and what it did to a job.

    Attributes
    ----------
    fault, job : str
        What was done to what.
    injected : int
        How often.
    broken : list of str
        What went wrong, a line for each.
    messages : list of str
        What the user was told, each once.
    note : str
        Anything else that was counted.
    command : str
        That repeats it.
    """

    fault: str
    job: str
    injected: int = 0
    broken: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    note: str = ""
    command: str = ""

    def broke(self, line: str) -> None:
        """Take note of what went wrong."""
        self.broken.append(line)
        print("  broken:", line, flush=True)

    def say(self, message: str) -> None:
        """Take note of what the user was told."""
        line = message.strip()
        if line and line not in self.messages:
            self.messages.append(line)

    def write(self, name: str) -> Path:
        """Keep it as JSON."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{name}.json"
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path


def table() -> str:
    """Give what was kept of all campaigns as a table in Markdown."""
    lines = ["| fault | job | injected | broken | command |", "|---|---|---|---|---|"]
    for path in sorted(RESULTS.glob("*.json")):
        of = json.loads(path.read_text(encoding="utf-8"))
        if "injected" in of:
            lines.append(
                f"| {of['fault']} | {of['job']} | {of['injected']} | {len(of['broken'])} | `{of['command']}` |"
            )
    return "\n".join(lines)
