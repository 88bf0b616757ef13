"""The form of the dock widget: image, scale, model, and what is asked for less often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_wbc.classification.bundle import ModelInfo
from napari_wbc.gui import tooltips
from napari_wbc.gui.count.choices import Choices, ScaleNote, scale_text
from napari_wbc.gui.devices import devices
from napari_wbc.gui.wrapped_label import WrappedLabel
from napari_wbc.review.folder import reviews_folder

_BUTTON_PX = 60
_WHOLE_IMAGE = "whole image"
_OTHER_PROFILE = "other file…"
_FILES = (
    "Smear images (*.png *.jpg *.jpeg *.bmp *.webp *.tif *.tiff *.svs *.ndpi *.mrxs *.scn *.bif *.vms *.vmu *.svslide "
    "*.czi *.dcm)"
    ";;All files (*)"
)


class CountForm(QWidget):
    """Everything that a count is asked with.

    Signals
    -------
    changed()
        Some choice is another one.
    file_chosen(str)
        A file or folder to open.
    folder_clicked()
        A folder of images is to be counted.
    card_clicked(str)
        The name of the model whose card is wanted.
    draw_clicked()
        Regions are to be drawn.
    """

    changed = Signal()
    file_chosen = Signal(str)
    folder_clicked = Signal()
    card_clicked = Signal(str)
    draw_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.open_folder = ""
        self.image = _combo(tooltips.IMAGE)
        self.open = QPushButton("Open")
        self.open.setToolTip(tooltips.OPEN_FILE)
        self.open.setMinimumWidth(_BUTTON_PX)
        menu = QMenu(self.open)
        menu.addAction("Image or whole slide…", self._ask_file)
        menu.addAction("OME-Zarr folder…", self._ask_folder).setToolTip(tooltips.OPEN_FOLDER)
        menu.addAction("Folder of images…", self.folder_clicked.emit).setToolTip(tooltips.OPEN_IMAGES)
        menu.addAction("Review…", self._ask_review).setToolTip(tooltips.OPEN_REVIEW)
        menu.setToolTipsVisible(True)
        self.open.setMenu(menu)
        self.scale = QDoubleSpinBox()
        self.scale.setRange(0.0, 2.0)
        self.scale.setDecimals(4)
        self.scale.setSingleStep(0.005)
        self.scale.setSpecialValueText("automatic")
        self.scale.setSuffix(" µm per px")
        self.scale.setKeyboardTracking(False)
        self.scale.setToolTip(tooltips.SCALE)
        self.scale_line = WrappedLabel(kind="note")
        self.scale_line.setToolTip(tooltips.SCALE_ESTIMATE)
        self.scale_warning = WrappedLabel(kind="warning")
        self.model = _combo(tooltips.MODEL)
        self.card = QPushButton("Card")
        self.card.setToolTip(tooltips.MODEL_CARD)
        self.card.setMinimumWidth(_BUTTON_PX)
        self.card.clicked.connect(lambda: self.card_clicked.emit(self.model.currentData() or ""))
        self.device = _combo(tooltips.DEVICE)
        for name in devices():
            self.device.addItem(name, name)
        self.profile = _combo(tooltips.PROFILE)
        self.regions = _combo(tooltips.REGIONS)
        self.draw = QPushButton("Draw")
        self.draw.setToolTip(tooltips.DRAW_REGIONS)
        self.draw.setMinimumWidth(_BUTTON_PX)
        self.draw.setEnabled(False)
        self.draw.clicked.connect(lambda *_: self.draw_clicked.emit())
        self.wbc = QDoubleSpinBox()
        self.wbc.setRange(0.0, 1000.0)
        self.wbc.setDecimals(2)
        self.wbc.setSpecialValueText("not given")
        self.wbc.setSuffix(" ×10⁹/L")
        self.wbc.setToolTip(tooltips.WBC)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        rows = _rows()
        rows.addRow("Image", _beside(self.image, self.open))
        rows.addRow("Regions", _beside(self.regions, self.draw))
        scale = QVBoxLayout()
        scale.setSpacing(2)
        scale.addWidget(self.scale)
        scale.addWidget(self.scale_line)
        scale.addWidget(self.scale_warning)
        rows.addRow("Scale", scale)
        rows.addRow("Model", _beside(self.model, self.card))
        layout.addLayout(rows)
        more = QWidget()
        more_rows = _rows()
        more.setLayout(more_rows)
        more_rows.addRow("Device", self.device)
        more_rows.addRow("Profile", self.profile)
        more_rows.addRow("WBC count", self.wbc)
        self.more = QCollapsible("More")
        self.more.setToolTip(tooltips.MORE)
        self.more.setDuration(0)
        self.more.addWidget(more)
        layout.addWidget(self.more)

        for combo in (self.image, self.model, self.device, self.regions):
            combo.currentIndexChanged.connect(lambda *_: self.changed.emit())
        self.profile.activated.connect(self._on_profile)
        self.profile.currentIndexChanged.connect(lambda *_: self.changed.emit())
        for box in (self.scale, self.wbc):
            box.valueChanged.connect(lambda *_: self.changed.emit())

    # ---- reading -------------------------------------------------------------------------------------------

    def choices(self) -> Choices:
        """Give the state of the form."""
        return Choices(
            image=self.image.currentData(),
            um_per_px=self.scale.value() or None,
            model=self.model.currentData() or "",
            device=self.device.currentData() or "auto",
            profile=self.profile.currentData() or "",
            regions=self.regions.currentData(),
            wbc_per_l=self.wbc.value() * 1e9 or None,
        )

    # ---- filling -------------------------------------------------------------------------------------------

    def set_layers(self, images: list[Any], regions: list[Any]) -> None:
        """List the layers of the viewer; what was chosen stays chosen as long as it is there."""
        _fill(self.image, [(layer.name, layer) for layer in images])
        self.draw.setEnabled(bool(images))
        _fill(self.regions, [(_WHOLE_IMAGE, None), *((layer.name, layer) for layer in regions)])

    def choose_image(self, layer: Any) -> None:
        """Choose one of the images that are listed."""
        self.image.setCurrentIndex([self.image.itemData(i) for i in range(self.image.count())].index(layer))

    def choose_regions(self, layer: Any) -> None:
        """Choose one of the layers that are listed."""
        self.regions.setCurrentIndex(
            [self.regions.itemData(i) for i in range(self.regions.count())].index(layer)
        )

    def set_models(self, models: list[ModelInfo], chosen: str) -> None:
        """List the models and choose one by name."""
        _fill(self.model, [(m.name if m.bundled else f"{m.name} (yours)", m.name) for m in models])
        self.card.setEnabled(bool(models))
        _choose(self.model, chosen)

    def set_profiles(self, names: list[str], chosen: str) -> None:
        """List the profiles and choose one by name or path."""
        default, *others = sorted(names, key=lambda name: name != "adult_peripheral_blood")
        entries = [(_title(default), ""), *((_title(name), name) for name in others)]
        if chosen and chosen not in names:
            entries.append((Path(chosen).name, chosen))
        _fill(self.profile, [*entries, (_OTHER_PROFILE, None)])
        _choose(self.profile, chosen)
        self._profile_before = self.profile.currentIndex()

    def set_note(self, note: ScaleNote) -> None:
        """Show where the scale comes from."""
        text, warning = scale_text(self.choices(), note)
        self.scale_line.set_lines([] if warning else [text])
        self.scale_warning.set_lines([text] if warning else [])

    # ---- asking --------------------------------------------------------------------------------------------

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a smear", self.open_folder, _FILES)
        if path:
            self.open_folder = str(Path(path).parent)
            self.file_chosen.emit(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open an OME-Zarr image", self.open_folder)
        if path:
            self.open_folder = str(Path(path).parent)
            self.file_chosen.emit(path)

    def _ask_review(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a review", str(reviews_folder()))
        if path:
            self.file_chosen.emit(path)

    def _on_profile(self, index: int) -> None:
        if self.profile.itemText(index) != _OTHER_PROFILE:
            self._profile_before = index
            return
        path, _ = QFileDialog.getOpenFileName(self, "Lab profile", "", "Profiles (*.yaml *.yml)")
        if path:
            self.profile.insertItem(index, Path(path).name, path)
            self._profile_before = index
        self.profile.setCurrentIndex(self._profile_before)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _combo(tooltip: str) -> QComboBox:
    combo = QComboBox()
    combo.setToolTip(tooltip)
    # Long layer names must not widen the dock.
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


def _rows() -> QFormLayout:
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(4)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def _beside(field: QWidget, button: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(field, 1)
    row.addWidget(button)
    return row


def _fill(combo: QComboBox, entries: list[tuple[str, Any]]) -> None:
    """Put entries into a combo box; ``currentIndexChanged`` is only heard where the choice is another one."""
    chosen = combo.currentData()
    combo.blockSignals(True)
    combo.clear()
    for text, value in entries:
        combo.addItem(text, value)
    index = next((i for i, (_, value) in enumerate(entries) if value is chosen), 0 if entries else -1)
    combo.setCurrentIndex(index)
    combo.blockSignals(False)
    if combo.currentData() is not chosen:
        combo.currentIndexChanged.emit(combo.currentIndex())


def _choose(combo: QComboBox, value: str) -> None:
    index = combo.findData(value)
    if index >= 0:
        combo.setCurrentIndex(index)
