"""How one cell of the gallery is drawn: crop, frame in the class colour, caption and marks."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette, QPen, QPixmap

from napari_wbc.gui.stacked_bar import readable_on
from napari_wbc.leukocytes import class_of

_PAD = 5
_GAP = 3
_FRAME = 3
_RING = 3
_SHADE = QColor(20, 20, 20, 215)
_LOADING = QColor(128, 128, 128, 90)
_RIM = QColor(150, 150, 150)
_EXCLUDED_OPACITY = 0.45


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be seen of one cell.

    Attributes
    ----------
    label : str
        Name of its class.
    note : str
        A short text, such as its confidence.
    crop : QPixmap or None
        None: not there yet.
    unreadable : bool
        There will be no crop.
    reviewed, excluded, uncertain : bool
        Its marks.
    selected : bool
        Whether it is selected.
    focused : bool
        Whether the keyboard is here.
    """

    label: str
    note: str
    crop: QPixmap | None
    unreadable: bool
    reviewed: bool
    excluded: bool
    uncertain: bool
    selected: bool
    focused: bool


@dataclass(frozen=True, slots=True)
class _Chip:
    """How the class of a cell is written below it."""

    text: str
    colour: QColor
    ink: QColor
    width: int


class ItemStyle:
    """Sizes, fonts and colours of the items, for one size of crops and one theme.

    Attributes
    ----------
    side : int
        Of the crops, points.
    width, height : int
        Of an item with the gap to the next.
    heading : int
        Height of a heading.
    """

    def __init__(self, side: int, font: QFont, palette: QPalette) -> None:
        self.side = side
        self._font, self._bold = QFont(font), QFont(font)
        if font.pointSizeF() > 0:
            for small in (self._font, self._bold):
                small.setPointSizeF(max(6.5, font.pointSizeF() - (1.0 if side >= 72 else 2.0)))
        self._bold.setBold(True)
        self._metrics, self._bold_metrics = QFontMetrics(self._font), QFontMetrics(self._bold)
        self._heading_font = QFont(font)
        self._heading_font.setBold(True)
        self._caption = self._bold_metrics.height() + 3
        self.width = side + 2 * _PAD + _GAP
        self.height = side + 2 * _PAD + _GAP + self._caption
        self.heading = QFontMetrics(self._heading_font).height() + 12
        self.background = palette.color(QPalette.ColorRole.Window)
        self.text = palette.color(QPalette.ColorRole.WindowText)
        self._highlight = palette.color(QPalette.ColorRole.Highlight)
        self._chips: dict[str, _Chip] = {}

    def paint(self, painter: QPainter, x: int, y: int, item: Item) -> None:
        """Draw an item whose upper left corner lies at a point."""
        box = QRect(x, y, self.width - _GAP, self.height - _GAP)
        if item.selected:
            painter.fillRect(box, self._highlight)
        picture = QRect(x + _PAD, y + _PAD, self.side, self.side)
        self._paint_crop(painter, picture, item)
        self._paint_caption(painter, picture, item)
        if item.selected or item.focused:
            self._paint_ring(painter, box, item)

    def paint_heading(self, painter: QPainter, area: QRect, text: str) -> None:
        """Draw the heading of a section, with a line to its end."""
        painter.setFont(self._heading_font)
        painter.setPen(self.text)
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        left = area.left() + painter.fontMetrics().horizontalAdvance(text) + 8
        painter.setPen(QPen(_RIM, 1))
        painter.drawLine(left, area.center().y(), max(left, area.right()), area.center().y())

    def paint_text(self, painter: QPainter, area: QRect, text: str) -> None:
        """Write a line where cells would be."""
        painter.setPen(self.text)
        painter.drawText(
            area.adjusted(12, 12, -12, -12), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text
        )

    def paint_band(self, painter: QPainter, area: QRect) -> None:
        """Draw a rubber band."""
        fill = QColor(self._highlight)
        fill.setAlpha(80)
        painter.fillRect(area, fill)
        painter.setPen(QPen(self.text, 1, Qt.PenStyle.DashLine))
        painter.drawRect(area.adjusted(0, 0, -1, -1))

    def _paint_crop(self, painter: QPainter, picture: QRect, item: Item) -> None:
        if item.crop is not None:
            if item.excluded:
                painter.setOpacity(_EXCLUDED_OPACITY)
            painter.drawPixmap(picture, item.crop)
            painter.setOpacity(1.0)
        else:
            painter.fillRect(picture, _LOADING)
            if item.unreadable:
                self._paint_unreadable(painter, picture)
        # Black and dark frames need a rim to be seen on a dark theme.
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(_RIM, 1))
        painter.drawRect(picture.adjusted(-1, -1, 0, 0))
        pen = QPen(self._chip(item.label).colour, _FRAME)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawRect(picture.adjusted(1, 1, -2, -2))
        if item.excluded:
            self._paint_cross(painter, picture)
        if item.reviewed:
            self._paint_tick(painter, picture)
        if item.uncertain:
            self._paint_question(painter, picture)

    def _paint_caption(self, painter: QPainter, picture: QRect, item: Item) -> None:
        chip = self._chip(item.label)
        top, height = picture.bottom() + 3, self._caption
        area = QRect(picture.left(), top, chip.width, height - 1)
        painter.setPen(QPen(_RIM, 1) if chip.colour.lightness() < 60 else Qt.PenStyle.NoPen)
        painter.setBrush(chip.colour)
        painter.drawRect(area.adjusted(0, 0, -1, -1))
        painter.setFont(self._bold)
        painter.setPen(chip.ink)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, chip.text)
        room = QRect(area.right() + 4, top, picture.right() - area.right() - 4, height - 1)
        # A number that is cut off is worse than none; the tooltip has it.
        if item.note and self._metrics.horizontalAdvance(item.note) <= room.width():
            painter.setFont(self._font)
            painter.setPen(self.text)
            painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, item.note)

    def _chip(self, label: str) -> _Chip:
        chip = self._chips.get(label)
        if chip is None:
            cell_class = class_of(label)
            colour = QColor(cell_class.colour)
            width = min(self._bold_metrics.horizontalAdvance(cell_class.abbreviation) + 8, self.side)
            chip = self._chips[label] = _Chip(cell_class.abbreviation, colour, readable_on(colour), width)
        return chip

    def _paint_ring(self, painter: QPainter, box: QRect, item: Item) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if item.selected:
            pen = QPen(self.text, _RING)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(box.adjusted(1, 1, -2, -2))
        if item.focused:
            # On the ring of a selected item the dashes are holes in it.
            painter.setPen(QPen(self.background if item.selected else self.text, 1, Qt.PenStyle.DashLine))
            painter.drawRect(box.adjusted(1, 1, -2, -2))

    def _paint_cross(self, painter: QPainter, picture: QRect) -> None:
        inner = picture.adjusted(_FRAME + 5, _FRAME + 5, -_FRAME - 5, -_FRAME - 5)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((_SHADE, 4.0), (QColor(Qt.GlobalColor.white), 2.0)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawLine(inner.topLeft(), inner.bottomRight())
            painter.drawLine(inner.topRight(), inner.bottomLeft())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_tick(self, painter: QPainter, picture: QRect) -> None:
        disc = self._badge(painter, picture, right=True)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(Qt.GlobalColor.white), max(1.6, disc.width() / 8)))
        corner = QPointF(disc.left() + 0.43 * disc.width(), disc.top() + 0.72 * disc.height())
        painter.drawLine(
            QPointF(disc.left() + 0.24 * disc.width(), disc.top() + 0.52 * disc.height()), corner
        )
        painter.drawLine(corner, QPointF(disc.left() + 0.77 * disc.width(), disc.top() + 0.3 * disc.height()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_question(self, painter: QPainter, picture: QRect) -> None:
        disc = self._badge(painter, picture, right=False)
        font = QFont(self._bold)
        font.setPixelSize(max(9, round(0.72 * disc.height())))
        painter.setFont(font)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, "?")

    def _badge(self, painter: QPainter, picture: QRect, *, right: bool) -> QRectF:
        """Draw the dark disc that a mark stands on, in an upper corner of the crop."""
        side = max(13, self.side // 6)
        left = picture.right() - _FRAME - 1 - side if right else picture.left() + _FRAME + 2
        disc = QRectF(left, picture.top() + _FRAME + 2, side, side)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(255, 255, 255, 200), 1))
        painter.setBrush(_SHADE)
        painter.drawEllipse(disc)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        return disc

    def _paint_unreadable(self, painter: QPainter, picture: QRect) -> None:
        font = QFont(self._font)
        font.setPixelSize(max(8, self.side // 9))
        painter.setFont(font)
        painter.setPen(self.text)
        painter.drawText(picture, Qt.AlignmentFlag.AlignCenter, "unreadable")
