"""Whether an installation works: what it consists of, and a smear with a known answer. ``napari-wbc doctor``."""
