"""``napari-wbc models``: what is installed, what it is made from, whether it is intact, and its form for others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, FAILED, Bars, before_the_work, report_error, say, wants_progress
from napari_wbc.errors import WbcError

_SOURCE_HELP = (
    "name or folder of the model that it was adapted from (default: looked for among those installed)"
)
_EXAMPLE = """\
  napari-wbc models list
  napari-wbc models show robust
  napari-wbc models verify robust path/to/another
  napari-wbc models export robust --out robust.onnx
  napari-wbc models export our-lab --out our-lab.wbcadapter
  napari-wbc models import our-lab.wbcadapter --out models/our-lab
"""


def add_to(commands: Any) -> None:
    """Add the command and its actions."""
    parser = options.new_command(
        commands,
        "models",
        summary="list, show, verify, export and import model bundles",
        description="Model bundles: those that came with napari-wbc, and your own.",
        example=_EXAMPLE,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = options.new_command(
        actions,
        "list",
        summary="the models that can be named",
        description="List the models that --model takes by name: name, number of classes, where it lies.",
        example="  napari-wbc models list\n",
    )
    options.add_run(listing, list_all)

    showing = options.new_command(
        actions,
        "show",
        summary="the card of a model",
        description="Print the card of a model: intended use, classes, training data, metrics, limits, licence.",
        example="  napari-wbc models show robust\n",
    )
    showing.add_argument("model", metavar="M", help="name or folder of a bundle")
    options.add_run(showing, show)

    verifying = options.new_command(
        actions,
        "verify",
        summary="check that models are intact",
        description="Check the checksum and description of models, and run the network of each once.",
        example="  napari-wbc models verify robust path/to/another\n",
    )
    verifying.add_argument("models", nargs="+", metavar="M", help="names or folders of bundles")
    options.add_run(verifying, verify)

    exporting = options.new_command(
        actions,
        "export",
        summary="write a model as ONNX, or an adapted one as a lab adapter",
        description="Write the network of a model as an ONNX file, after a check that it gives what torch gives; or, "
        "to a file *.wbcadapter, what an adapted model differs in from the one that it came from, without any image.",
        example="  napari-wbc models export robust --out robust.onnx\n"
        "  napari-wbc models export our-lab --out our-lab.wbcadapter\n",
    )
    exporting.add_argument("model", metavar="M", help="name or folder of a bundle")
    exporting.add_argument("--out", required=True, type=Path, metavar="FILE", help="the file to write")
    exporting.add_argument("--source", metavar="M", help=_SOURCE_HELP)
    options.add_run(exporting, export)

    importing = options.new_command(
        actions,
        "import",
        summary="make a model of a lab adapter",
        description="Apply a lab adapter to the model that it belongs to, and write the bundle.",
        example="  napari-wbc models import our-lab.wbcadapter --out models/our-lab\n",
    )
    importing.add_argument("adapter", metavar="FILE", type=Path, help="from napari-wbc models export")
    importing.add_argument("--out", required=True, type=Path, metavar="DIR", help="the bundle to write")
    importing.add_argument("--source", metavar="M", help=_SOURCE_HELP)
    options.add_run(importing, import_)

    replaying = options.new_command(
        actions,
        "add-replay",
        summary="let cells of its training travel with a model",
        description="Add cells of its training to a bundle, so that an adaptation does not forget them and is watched "
        "on them: as feature maps of the network, about 8 kB each, not as images. The weights, and with them the "
        "identity of the model, stay.",
        example="  napari-wbc models add-replay models/mine --manifests cells.csv\n",
    )
    replaying.add_argument("model", metavar="M", help="name or folder of a bundle; it is replaced")
    replaying.add_argument(
        "--manifests", required=True, nargs="+", type=Path, metavar="CSV", help="those of its training"
    )
    replaying.add_argument(
        "--per-class",
        type=options.positive,
        nargs=2,
        default=(32, 40),
        metavar=("N", "M"),
        help="cells of every class of every domain: to learn from, and held out, to watch (default: 32 40)",
    )
    options.add_run(replaying, add_replay)


def list_all(args: argparse.Namespace) -> int:
    """Print the installed models, one per line; name the broken ones."""
    from napari_wbc.classification.bundle import list_models, load_model

    failed = 0
    for found in list_models():
        try:
            model = load_model(found.folder)
        except WbcError as error:
            failed += 1
            report_error(error, debug=args.debug)
            continue
        origin = "bundled" if found.bundled else "own"
        say(f"{found.name:<20} {len(model.classes):>3} classes  {origin:<8} {found.folder}")
    return FAILED if failed else DONE


def show(args: argparse.Namespace) -> int:
    """Print the card and the contract of a model."""
    from napari_wbc.classification.bundle import load_model

    with before_the_work():
        model = load_model(args.model)
    say(model.card.strip() or "(this bundle has no card)")
    say(
        f"\nfolder     {model.folder}\n"
        f"classes    {', '.join(model.classes)}\n"
        f"input      {model.window_um * model.view:g} µm as {model.input_px} x {model.input_px} px\n"
        f"sha256     {model.sha256}"
    )
    return DONE


def verify(args: argparse.Namespace) -> int:
    """Check models."""
    from napari_wbc.classification.bundle import verify_bundle

    failed = 0
    for name in args.models:
        try:
            model = verify_bundle(name)
        except WbcError as error:
            failed += 1
            report_error(error, debug=args.debug)
        else:
            if not args.quiet:
                say(f"{name}: intact, sha256 {model.sha256}")
    return FAILED if failed else DONE


def export(args: argparse.Namespace) -> int:
    """Write a model as ONNX and tell how far it is from torch; or an adapted one as a lab adapter."""
    from napari_wbc.classification.bundle import load_model
    from napari_wbc.cli.places import writable_file

    if args.out.suffix == ".wbcadapter":
        from napari_wbc.adaptation.adapter import export_adapter

        with before_the_work():
            writable_file(args.out)
            file = export_adapter(args.model, args.out, source=args.source)
        if not args.quiet:
            say(f"{args.model} -> {file} ({file.stat().st_size / 1e6:.1f} MB)")
        return DONE
    from napari_wbc.classification.engines.onnx_export import export_onnx

    with before_the_work():
        writable_file(args.out)
        model = load_model(args.model)
    try:
        parity = export_onnx(model, args.out)
    except WbcError as error:
        report_error(error, debug=args.debug)
        return FAILED
    if not args.quiet:
        say(
            f"{model.name} -> {args.out}\n"
            f"against torch on {parity.crops} images: logits differ by {parity.logits:.2g} at most, probabilities by "
            f"{parity.probabilities:.2g}, embeddings by {parity.embeddings:.2g}; "
            f"the same class for {100 * parity.same_class:.0f} %"
        )
    return DONE


def import_(args: argparse.Namespace) -> int:
    """Make a model of a lab adapter."""
    from napari_wbc.adaptation.adapter import import_adapter
    from napari_wbc.cli.places import writable_folder

    with before_the_work():
        writable_folder(args.out.absolute().parent)
        model = import_adapter(args.adapter, args.out, source=args.source)
    if not args.quiet:
        say(f"{args.adapter} -> {model.folder}, sha256 {model.sha256}")
    return DONE


def add_replay(args: argparse.Namespace) -> int:
    """Add cells of its training to a model."""
    from napari_wbc.classification.replay import REPLAY_FILE
    from napari_wbc.training.replay import add_replay as add

    try:
        with Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars:
            bundle = add(
                args.model, args.manifests, trained=args.per_class[0], guard=args.per_class[1], progress=bars
            )
    except WbcError as error:
        report_error(error, debug=args.debug)
        return FAILED
    if not args.quiet:
        say(f"-> {bundle / REPLAY_FILE} ({(bundle / REPLAY_FILE).stat().st_size / 1e6:.1f} MB)")
    return DONE
