"""Model bundles: a folder with weights, their contract (``model.json``) and a card; data that runs no code."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.classification.second_look import SecondLook
from napari_wbc.confusion import confusion_problem
from napari_wbc.errors import InputError, ModelError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_folder

if TYPE_CHECKING:
    from napari_wbc.classification.backbone import Network
    from napari_wbc.classification.engines import Engine

SCHEMA_VERSION = 1
WEIGHTS_FILE = "model.safetensors"
INFO_FILE = "model.json"
CARD_FILE = "CARD.md"
#: A bundle larger than this is not one of ours; refusing it early keeps memory safe.
_LARGEST_WEIGHTS = 1 << 30
_LARGEST_INFO = 16 << 20
_LARGEST_CARD = 1 << 20
#: The last layer is made before the weights are compared with it.
_MOST_CLASSES = 200


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A bundle that was found, not yet loaded.

    Attributes
    ----------
    name : str
        What :func:`load_model` takes.
    folder : pathlib.Path
        Where it lies.
    bundled : bool
        Whether it came with the package.
    """

    name: str
    folder: Path
    bundled: bool


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier with its contract; :func:`napari_wbc.load_model` gives one.

    Attributes
    ----------
    name : str
        Of the bundle.
    folder : pathlib.Path
        Where it was loaded from.
    classes : tuple of str
        In the order of the outputs.
    um_per_px, window_um : float
        Resolution and side of the window that the network sees, µm.
    input_px : int
        Side of the network's input, px.
    sha256 : str
        Of the weights file.
    card : str
        Markdown.
    info : dict
        The content of ``model.json``.
    tensors : dict of str to numpy.ndarray
        The content of ``model.safetensors``: weights and references, float16 or float32.

    Examples
    --------
    >>> import napari_wbc as wbc
    >>> model = wbc.load_model("robust")
    >>> model.input_px, model.window_um, round(model.um_per_px, 4)
    (128, 25.0, 0.1562)
    """

    name: str
    folder: Path
    classes: tuple[str, ...]
    um_per_px: float
    window_um: float
    input_px: int
    sha256: str
    card: str
    info: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]] = field(repr=False)
    _networks: dict[str, Network] = field(default_factory=dict, repr=False, compare=False)
    _engines: dict[str, Engine] = field(default_factory=dict, repr=False, compare=False)

    @property
    def view(self) -> float:
        """Share of the window's side that the network sees: its middle (all of it in older bundles)."""
        return float(self.info.get("view_um", self.window_um)) / self.window_um

    @property
    def temperature(self) -> float:
        """Logits are divided by it."""
        return float(self.info["temperature"])

    @property
    def log_prior(self) -> NDArray[np.float64]:
        """Added to the logits, after the temperature: how common each class is, shape ``(k,)``."""
        return np.log([self.info["class_priors"][c] for c in self.classes])

    @property
    def second_look(self) -> SecondLook:
        """In how many orientations unsure cells are seen; none in bundles that do not say."""
        return SecondLook(**self.info.get("second_look", {}))

    def network(self, device: str = "cpu") -> Network:
        """Give the network on a device, in evaluation mode (built once per device)."""
        if device not in self._networks:
            import torch

            from napari_wbc.classification.network import build_network

            architecture = self.info["architecture"]
            network = build_network(
                architecture["name"], len(self.classes), **architecture.get("arguments", {})
            )
            weights = {
                k.removeprefix("network."): torch.from_numpy(np.array(v, np.float32))
                for k, v in self.tensors.items()
                if k.startswith("network.")
            }
            try:
                network.load_state_dict(weights)
            except RuntimeError as error:
                reason = str(error).splitlines()[0]
                raise ModelError(
                    f"the weights of {self.folder} do not fit its architecture: {reason}"
                ) from None
            network.eval().requires_grad_(False)
            self._networks[device] = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self._networks[device]

    def engine(self, device: str = "cpu") -> Engine:
        """Give what runs the network on a device (chosen once per device)."""
        if device not in self._engines:
            from napari_wbc.classification.engines import build_engine

            self._engines[device] = build_engine(self.network(device), device, self.input_px)
        return self._engines[device]


def user_models_dir() -> Path:
    """Give the folder of the user's own bundles (``NAPARI_WBC_MODELS`` overrides the usual place)."""
    if "NAPARI_WBC_MODELS" in os.environ:
        return Path(os.environ["NAPARI_WBC_MODELS"])
    from platformdirs import user_data_path

    return user_data_path("napari-wbc", appauthor=False) / "models"


def _bundled_dirs() -> list[Path]:
    package = Path(__file__).resolve().parents[1]
    # In a wheel the bundles lie inside the package; in a checkout, editable or not, at the top of the repository.
    return [package / "models", package.parents[1] / "models"]


def list_models() -> list[ModelInfo]:
    """List the bundles that can be loaded by name: the bundled ones, then the user's own.

    Returns
    -------
    list of ModelInfo
        A user's bundle never hides a bundled one of the same name.
    """
    found: dict[str, ModelInfo] = {}
    for folder, bundled in [*((d, True) for d in _bundled_dirs()), (user_models_dir(), False)]:
        if folder.is_dir():
            for bundle in sorted(folder.iterdir()):
                # What a process that was killed left of a bundle is hidden, and none.
                if not bundle.name.startswith(".") and (bundle / INFO_FILE).is_file():
                    found.setdefault(bundle.name, ModelInfo(bundle.name, bundle, bundled))
    return list(found.values())


def find_model(name_or_path: str | Path) -> Path:
    """Give the folder of a bundle.

    Raises
    ------
    ModelError
        There is no such bundle; the message names those that exist.
    """
    installed = {m.name: m.folder for m in list_models()}
    if str(name_or_path) in installed:
        return installed[str(name_or_path)]
    folder = Path(name_or_path).expanduser()
    if (folder / INFO_FILE).is_file():
        return folder
    if folder.is_dir():
        raise ModelError(f"{folder} is no model bundle: it has no {INFO_FILE}")
    known = ", ".join(installed) or "none"
    raise ModelError(
        f"no model {str(name_or_path)!r}; installed are: {known}; or give the path of a bundle folder"
    )


def load_model(name_or_path: str | Path | Model = "robust") -> Model:
    """Load a bundle and check it.

    Parameters
    ----------
    name_or_path : str, Path or Model
        A name from :func:`list_models` or a bundle folder; a model is given back as it is.

    Returns
    -------
    Model
        Checked against its SHA-256; the network is built when it is first asked for.

    Raises
    ------
    ModelError
        The bundle is missing, malformed, altered, or newer than this version.

    Examples
    --------
    >>> import napari_wbc as wbc
    >>> model = wbc.load_model("robust")
    >>> "eosinophil" in model.classes
    True
    """
    if isinstance(name_or_path, Model):
        return name_or_path
    folder = find_model(name_or_path)
    info = read_info(folder)
    weights = folder / WEIGHTS_FILE
    try:
        if weights.stat().st_size > _LARGEST_WEIGHTS:
            raise ModelError(f"{weights} is larger than 1 GB; this is no bundle of ours")
        content = weights.read_bytes()
    except OSError as error:
        raise ModelError(f"{weights} cannot be read: {system_reason(error)}") from None
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != info["sha256"]:
        raise ModelError(
            f"{weights} is damaged or was altered (its SHA-256 is not that of {INFO_FILE}); fetch it again"
        )
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ModelError(f"{weights} is no safetensors file: {error}") from None
    problem = _reference_problem(info, tensors)
    if problem:
        raise ModelError(f"{folder} {problem}")
    return Model(
        name=str(info["name"]),
        folder=folder,
        classes=tuple(info["classes"]),
        um_per_px=float(info["um_per_px"]),
        window_um=float(info["window_um"]),
        input_px=int(info["input_px"]),
        sha256=sha256,
        card=read_card(folder),
        info=info,
        tensors=tensors,
    )


def read_card(folder: Path) -> str:
    """Read the card of a bundle as far as it is a text of a sensible length; it is shown and decides nothing."""
    card = folder / CARD_FILE
    try:
        with card.open("rb") as file:
            return file.read(_LARGEST_CARD).decode("utf-8", "replace")
    except OSError:
        return ""


def verify_bundle(name_or_path: str | Path) -> Model:
    """Load a bundle and all that travels with it, and run its network once.

    Raises
    ------
    ModelError
        Something of it is wrong.
    """
    import torch

    model = load_model(name_or_path)
    with torch.inference_mode():
        logits, _ = model.network()(torch.zeros(1, 3, model.input_px, model.input_px))
    if not torch.isfinite(logits).all():
        raise ModelError(f"the network of {model.folder} gives no finite output")
    if not model.card:
        raise ModelError(f"{model.folder} has no {CARD_FILE}")
    from napari_wbc.classification.replay import load_replay

    load_replay(model)
    return model


def save_bundle(
    folder: str | Path,
    tensors: Mapping[str, NDArray[Any]],
    info: Mapping[str, Any],
    card: str,
    *,
    further: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a bundle; the folder appears whole or not at all.

    Parameters
    ----------
    folder : str or Path
        Must not exist, or be a bundle, which is replaced.
    tensors : mapping of str to numpy.ndarray
        ``network.*`` are the weights, ``novelty.reference`` the embeddings of reference cells.
    info : mapping
        For ``model.json``; schema version and SHA-256 are added.
    card : str
        Markdown.
    further : mapping of str to bytes, optional
        Other files of the bundle by their names (:mod:`napari_wbc.classification.replay`).

    Raises
    ------
    OutputError
        The place cannot be written to, or holds something else.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    if folder.exists() and not (folder / INFO_FILE).is_file():
        raise OutputError(f"{folder} exists and is no model bundle; choose another place")
    content = save({k: np.ascontiguousarray(v) for k, v in tensors.items()})
    full = {"schema_version": SCHEMA_VERSION, **info, "sha256": hashlib.sha256(content).hexdigest()}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(folder) as temporary:
            (temporary / WEIGHTS_FILE).write_bytes(content)
            (temporary / INFO_FILE).write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")
            (temporary / CARD_FILE).write_text(card, encoding="utf-8")
            for name, of_file in (further or {}).items():
                (temporary / name).write_bytes(of_file)
            read_info(temporary)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {system_reason(error)}") from None
    return folder


def read_info(folder: Path) -> dict[str, Any]:
    """Read and check what ``model.json`` of a bundle says, without its weights.

    Raises
    ------
    ModelError
        It cannot be read, or is none of ours.
    """
    path = folder / INFO_FILE
    try:
        if path.stat().st_size > _LARGEST_INFO:
            raise ModelError(f"{path} is larger than 16 MB; this is no bundle of ours")
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    problem = _problem(info)
    if problem:
        raise ModelError(f"{path} {problem}")
    return dict(info)


def _problem(info: Any) -> str:
    """Say what is wrong with the content of ``model.json``, or nothing."""
    if not isinstance(info, dict):
        return "does not hold an object"
    version = info.get("schema_version")
    if version != SCHEMA_VERSION:
        return f"has the schema version {version!r}; this version of napari-wbc reads {SCHEMA_VERSION}"
    kinds: dict[str, tuple[type, ...]] = {
        "name": (str,),
        "architecture": (dict,),
        "classes": (list,),
        "um_per_px": (int, float),
        "window_um": (int, float),
        "input_px": (int,),
        "normalisation": (dict,),
        "temperature": (int, float),
        "class_priors": (dict,),
        "novelty": (dict,),
        "thresholds": (dict,),
        "sha256": (str,),
    }
    for key, kind in kinds.items():
        if not isinstance(info.get(key), kind) or isinstance(info.get(key), bool):
            return f"lacks {key!r} or holds something else than {kind[-1].__name__} there"
    if not isinstance(info["architecture"].get("name"), str) or not isinstance(
        info["architecture"].get("arguments", {}), dict
    ):
        return "has no architecture with a name and arguments"
    classes = info["classes"]
    if (
        not 0 < len(classes) <= _MOST_CLASSES
        or not all(isinstance(c, str) and c for c in classes)
        or len(set(classes)) != len(classes)
    ):
        return "has no proper list of classes"
    if not (
        0.01 <= info["um_per_px"] <= 5 and 1 <= info["window_um"] <= 500 and 16 <= info["input_px"] <= 1024
    ):
        return "has an impossible um_per_px, window_um or input_px"
    view = info.get("view_um", info["window_um"])
    if isinstance(view, bool) or not isinstance(view, int | float) or not 1 <= view <= info["window_um"]:
        return "has an impossible view_um"
    priors = info["class_priors"]
    if sorted(priors) != sorted(classes) or not all(
        isinstance(v, float) and 0 < v <= 1 for v in priors.values()
    ):
        return "has no prior between 0 and 1 for each class"
    if not 0.01 <= info["temperature"] <= 100:
        return "has an impossible temperature"
    try:
        SecondLook(**info.get("second_look", {}))
    except (TypeError, InputError) as error:
        return f"has an impossible second_look: {error}"
    if not all(_is_share(info["thresholds"].get(k)) for k in ("min_confidence", "max_novelty")):
        return "has no thresholds min_confidence and max_novelty between 0 and 1"
    conformal = info.get("conformal")
    if conformal is not None and not (
        isinstance(conformal, dict) and all(_is_share(conformal.get(k)) for k in ("level", "threshold"))
    ):
        return "has a conformal entry without level and threshold between 0 and 1"
    if not all(_is_share(info["normalisation"].get(k)) for k in ("background_quantile", "white")):
        return "has no normalisation with background_quantile and white between 0 and 1"
    if "confusion" in info and (problem := confusion_problem(info["confusion"], classes)):
        return f"has an entry confusion that {problem}"
    return ""


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _reference_problem(info: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Say what is wrong with the references of novelty and domain shift, or nothing."""
    novelty, shift = info["novelty"], info.get("domain_shift")
    reference = tensors.get("novelty.reference")
    if reference is None or reference.ndim != 2 or not len(reference):
        return "lacks the reference cells of novelty"
    quantiles = novelty.get("quantiles")
    if not _are_numbers(quantiles, 2) or not isinstance(novelty.get("neighbours"), int):
        return "has no quantiles or number of neighbours for novelty"
    parts = novelty.get("parts", {})
    if not isinstance(parts, dict) or not all(
        k in ("distance", "energy") and _are_numbers(v, 2) and len(v) == 2 and v[1] > 0
        for k, v in parts.items()
    ):
        return "has parts of novelty that this version of napari-wbc does not know"
    if shift is None:
        return ""
    basis, means = tensors.get("domains.basis"), tensors.get("domains.means")
    if (
        not isinstance(shift, dict)
        or basis is None
        or means is None
        or not all(isinstance(shift.get(k), list) and shift[k] for k in ("domains", "classes"))
        or not (_are_numbers(shift.get("cells"), 1) and _are_numbers(shift.get("limits"), 1))
        or len(shift["cells"]) != len(shift["limits"])
        or min(shift["cells"] + shift["limits"]) <= 0
        or basis.shape != (reference.shape[1], means.shape[-1])
        or means.shape[:2] != (len(shift["domains"]), len(shift["classes"]))
    ):
        return "has an entry domain_shift that does not fit its tensors"
    return ""


def _are_numbers(values: Any, least: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) >= least
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    )
