"""``napari-wbc train``: from a configuration and manifests to a model bundle."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import (
    DONE,
    FAILED,
    INTERRUPTED,
    Bars,
    before_the_work,
    error_line,
    report_error,
    say,
    wants_progress,
)
from napari_wbc.errors import Cancelled, InputError, OutputError, WbcError, system_reason

if TYPE_CHECKING:
    from napari_wbc.execution.progress import CancelToken

_EXAMPLE = """\
  napari-wbc train recipe.toml --out models/mine

  recipe.toml:
      manifests = ["cells.csv"]       # path,domain,label,group,um_per_px; see napari-wbc manifest --help
      init = "robust"                 # a bundle, a safetensors file, "torchvision", or "" for random weights
      steps = 2000
      [optimizer]
      lr = 6e-4
      [selection]
      every = 100                     # choose the number of steps by leaving each domain out in turn
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "train",
        summary="train a model from manifests of labelled cells",
        description="Train a classifier as a configuration says, and write its bundle. A training that was stopped "
        "(Ctrl-C) or killed goes on where it was when the same command is given again.",
        example=_EXAMPLE,
    )
    parser.add_argument("config", metavar="CONFIG.toml", type=Path, help="what to train, on what, and how")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the bundle to write")
    parser.add_argument(
        "--init",
        metavar="START",
        help="start from this instead of what the configuration says: a bundle (name or folder), a safetensors file, "
        "torchvision, or random",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to train (default: auto)"
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="where crops, states and metrics (JSON lines) are kept (default: beside the bundle, DIR.training)",
    )
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="also write the metrics for TensorBoard, to DIR.training/tensorboard",
    )
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Train the model."""
    from napari_wbc.classification.predict import choose_device
    from napari_wbc.cli.places import writable_folder
    from napari_wbc.execution.claims import claimed
    from napari_wbc.execution.progress import CancelToken
    from napari_wbc.training.config import TrainingConfig
    from napari_wbc.training.metrics_log import check_tensorboard
    from napari_wbc.training.train import train

    work = args.work or args.out.with_name(f"{args.out.name}.training")
    with before_the_work():
        config = TrainingConfig.from_toml(args.config)
        if args.init is not None:
            config = replace(config, init="" if args.init == "random" else args.init, init_note="")
        choose_device(args.device)
        if args.tensorboard:
            check_tensorboard()
        if args.out.exists():
            raise InputError(f"{args.out} exists; give another folder, or remove it to train the model again")
        writable_folder(args.out.absolute().parent)
        writable_folder(work)
    token = CancelToken()
    try:
        with (
            claimed(work / ".lock", work),
            Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars,
            _stopped_by_signals(token),
        ):
            bundle = train(
                config,
                args.out,
                work_dir=work,
                device=args.device,
                tensorboard=args.tensorboard,
                progress=bars,
                cancel=token,
            )
    except Cancelled:
        error_line(f"stopped; the same command goes on from here (its state is in {work})")
        return INTERRUPTED
    except WbcError as error:
        report_error(error, about=str(args.config), debug=args.debug)
        return FAILED
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = OutputError(f"{work}: the training cannot be kept there ({system_reason(error)})")
        report_error(reason, debug=args.debug)
        return FAILED
    if not args.quiet:
        say(f"{_summary(bundle)}\n-> {bundle} (metrics on the way: {work})")
    return DONE


@contextmanager
def _stopped_by_signals(token: CancelToken) -> Iterator[None]:
    """Let Ctrl-C, or a cluster that ends the job, stop the training at its next step, its state written.

    A second Ctrl-C does not wait for that.
    """

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, before[number])
        token.cancel()

    before: dict[int, Any] = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(bundle: Path) -> str:
    from napari_wbc.classification.bundle import load_model

    info = load_model(bundle).info
    lines = [
        f"{domain}: accuracy {m['coarse']['accuracy']:.3f}, macro-F1 {m['coarse']['macro_f1']:.3f} "
        f"on {m['coarse']['cells']} held-out cells"
        for domain, m in info["metrics"]["in_domain"].items()
        if m["coarse"]["cells"]
    ]
    left_out = info["training"].get("labels_left_out", {})
    if left_out:
        counts = ", ".join(f"{label} {n}" for label, n in left_out.items())
        lines.append(f"not trained on, since none of its classes: {counts}")
    return "\n".join([*lines, "Expect less on a laboratory that is not among these; see CARD.md."])
