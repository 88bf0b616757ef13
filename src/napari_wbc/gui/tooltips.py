"""All tooltips, so that they can be read (and translated) in one go."""

IMAGE = "The smear: an RGB image layer. Whole slides (pyramids) work too."
OPEN_FILE = "Open an image or a whole slide (PNG, JPEG, TIFF, SVS, NDPI, MRXS, SCN, BIF, …)."
OPEN_FOLDER = "Open an OME-Zarr image, which is a folder."
OPEN_REVIEW = "Go on with a review: a folder with all changes of an earlier one."
SCALE = (
    "µm per pixel of the full resolution. 'automatic' takes it from the file, or else from the size of the red "
    "cells. Type a number (a 100x objective has about 0.05 to 0.1) where you know better."
)
SCALE_ESTIMATE = "Where the scale comes from, and how sure that is."
MODEL = "The classifier: bundled models and your own."
MODEL_CARD = "What the model was trained on, what it is for, and how well it does where."
MORE = "Device, lab profile and white cell count."
DEVICE = "Where the classifier runs. 'auto' takes the GPU if there is one; 'cuda' is listed only then."
PROFILE = "The lab's classes, merges, reference intervals and alarm rules."
REGIONS = "Count the whole image, or only inside the rectangles of a Shapes layer."
DRAW_REGIONS = "Draw rectangles on the image: only the cells inside them are counted."
WBC = "White cells in 10⁹ per litre, from the blood counter: adds absolute counts. 0: not given."
RUN = "Find, classify and count the leukocytes of the image."
CANCEL = "Stop the run; it leaves nothing half-done."
REOPEN = "Go on with the latest review of this image, every change included."
REVIEW = "Look at the cells one by one or class by class, and correct them."
STYLE = "How the cells are marked: outlines, filled, or circles only."
REGION_QUALITY = (
    "Colour the blocks of about 128 µm that the smear was judged by: thick or crowded, thin, out of focus. The numbers "
    "of a block are in the status bar while its layer is chosen. Nothing is left out of the count for it."
)
SHOW_EXCLUDED = (
    "Show the cells that do not count, in grey: in the image and in the gallery. They stay in the table and in "
    "cells.csv either way."
)
OPACITY = "Opacity of the marks."
LEGEND = "Click: show or hide a class. Double click: show only this class, or all again."
BAR = "Share of each class among the counted leukocytes."
SAVE = (
    "Write cells.csv, differential.csv, differential.json, report.html, overlay.png, cells.geojson and run.json into a "
    "folder, as the command line does."
)
EXPORT = (
    "Write one file for another program: QuPath, a laboratory system, a notebook, the training of a model."
)
COPY = "Copy the differential as plain text."
TARGET = "How many leukocytes were counted, of those that the profile asks for."
CELLS = (
    "One row per cell. Click a row to see the cell, Shift or Ctrl and click for several; click a cell in the image, or "
    "draw a box around several with Shift held down, to find their rows. Click a heading to sort, right click it to "
    "choose columns."
)
PICKING = "click a cell to select it, <Shift>-drag a box to select all in it, with <Ctrl> to add"
UNSURE = "The class is uncertain: low confidence, or unlike the cells that the model was trained on."
FILTER_TEXT = "List only cells with these words in class, flags or status, or with this number."
FILTER_CLASS = "List only cells of this class."
FILTER_UNSURE = (
    "List only cells whose class is uncertain; they have a dashed outline or a diamond in the image."
)
FILTER_BELOW = "List only cells of lower confidence."
INTERVAL = (
    "95 % confidence interval of the percentage: the chance of sampling alone ({method}). "
    "Rest on a row for the interval that holds the errors of the model, too."
)
PROPAGATED = "With the errors of the model: {interval} %"
UNSETTLED = "Not settled: the interval includes the limit, so that more cells could change it."
REFERENCE = "Reference interval of the profile, % of leukocytes."

ORDER = (
    "In which order the cells are shown. The number below a cell is the confidence of the model; in the order 'Most "
    "unlike training' it is the novelty."
)
ONE_CLASS = "Show all cells, or those of one class."
LEFT_ONLY = "Show only cells that nobody has looked at."
SORT_AGAIN = "Sort anew. Until then every cell stays where it is, also when its class changes."
GALLERY_SIZE = "Size of the cells (Ctrl and the wheel)."
LEAST_ALIKE = (
    "How much a cell must resemble the first ones to be selected with them (cosine of the embeddings)."
)
LEAVE_ALIKE = "Show the other cells again (Esc)."
OTHER_CLASS = "Classes without a key of their own, and new ones."
CLASS_KEY = "The selected cells are: {title} (key {key})"
ACCEPT = "The labels of the selected cells are right (space bar)."
EXCLUDE = "Take the selected cells out of the count, or bring them back (X). They stay in the table."
NEXT = "Go to the cell that a look at tells most (N)."
SHOW_ALIKE = (
    "Show the cells that look like the selected ones, to give all of them a class in one gesture (S)."
)
ADD = "Draw around a cell that was missed (A)."
SPLIT = "Make two cells of one: at the neck of its nucleus, else along a line that you draw (T)."
MERGE = "Make one cell of the selected ones (M)."
UNDO = "Take the last change back (Ctrl+Z)."
REDO = "Do again what was taken back (Ctrl+Shift+Z)."
SIGN = "Put your name to the review and lock it; it can be unlocked, and both stay in the log."
REVIEWED = "Cells that a person has looked at."
EXAMPLES = (
    "Cells of this slide that stand for the class: reviewed ones first, then the surest. Click to see one."
)

COLUMNS = {
    "cell_id": "Number of the cell, as in cells.csv",
    "label": "Class of the cell",
    "second": "The next best class by the model, and its probability; sorted by that",
    "status": "model: as the model left it; reviewed: a person has looked; excluded: does not count",
    "confidence": "Calibrated probability of the model's class",
    "novelty": "0 to 1: how unlike the cells the model was trained on",
    "nucleus_area_um2": "Area of the nucleus, µm²",
    "cell_area_um2": "Area of the cell, µm²",
    "flags": "What is special about the cell",
}
OPEN_IMAGES = "Count every image of a folder, as the command line does."
FOLDER_IMAGES = (
    "Every image in this folder is counted, whole slides and OME-Zarr folders too. Other folders in it are not looked "
    "into."
)
FOLDER_RESULTS = (
    "Each image gets a folder of its own here (cells.csv, differential.csv, report.html, …); counts.csv has a row for "
    "every image, and cohort.html shows them side by side."
)
FOLDER_CHOICES = (
    "As chosen in the form of the dock widget. Regions and the white cell count belong to one image and are not used "
    "here."
)
FOLDER_RESUME = (
    "Images whose results are there, made from the same image with the same model and choices, are not counted again. "
    "Without it, every image is counted anew and its results are replaced."
)
FOLDER_RUN = "Count all images, one after the other. One that cannot be read does not stop the others."
FOLDER_COPY = "Copy the table, a row per image, with tabs between the columns."
TOGETHER = (
    "For fields of one smear: the cells of all counted images, or of those that are selected (Ctrl or Shift and "
    "click), as one differential with its 95 % intervals. A cell that two fields show counts twice. "
    "Copied with the table."
)
FOLDER_TABLE = (
    "Double click an image that is counted, or press Enter, to see it with its cells and to review them."
)

# Fine-tune model
LABEL_GOAL = "Cells of the open images that a person labelled or agreed to. More of a class help little from {goal} on."
ADD_LABELS = (
    "Learn also from cells that were labelled before: other reviews, a table of cells, or a folder per class."
)
CLEAR_LABELS = "Learn from the open images only. Nothing is deleted."
REMOVE_SOURCE = "Do not learn from these labels. They stay where they are."
LABEL_NEXT = (
    "Open the review with the cells whose labels teach most at the front: typical ones of every class, then doubtful "
    "ones; every tenth is drawn by chance."
)
PREVIEW = "Show on the image what the model would say with these labels. Review and count stay as they are."
FINE_TUNE = (
    "Adapt the model to these labels and judge it on cells that it did not learn from; takes about two minutes. "
    "Nothing is replaced."
)
VERDICT = (
    "Each cell is judged by a model that did not learn from its slide, with 95 % intervals. 'Laboratories it knew' are "
    "cells of the training laboratories, on which it must not become worse."
)
SUSPECTS = (
    "Cells whose label the model contradicts although it learned from the others; they may be mislabelled."
)
MODEL_NAME = "Name of the adapted model; a model of that name is replaced."
LACKING = (
    "Open the review with the cells that may be of the class {title} and that nobody has looked at, the likeliest "
    "first."
)
SAVE_MODEL = (
    "Keep the adapted model among your own, count with it from now on, and see the open review with it: its cells and "
    "your labels stay, and it can be undone there."
)
REVERT_MODEL = (
    "Count with the model again that the adaptation began at, and see the open review with it. The adapted one stays "
    "in the list."
)
SEE_MODEL = (
    "Let the model that counts now look at the cells of this review. Cells, masks and your labels stay; Undo in the "
    "review takes it back."
)
OWN_MODELS = (
    "Your own models; the one with a dot counts. 'Recognised' is the mean over the classes of cells that neither "
    "learned from: before and after the adaptation. A double click opens the card."
)
USE_MODEL = "Count with this model from now on, and see the open review with it."
EXPORT_MODEL = (
    "Write a lab adapter (*.wbcadapter): what this model differs in from its source, without any image. Others who "
    "have the source can import it."
)
DELETE_MODEL = "Delete this model for good. Labels and reviews stay."
IMPORT_MODEL = "Make a model of a lab adapter (*.wbcadapter) that somebody has passed on."
