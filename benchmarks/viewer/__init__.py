"""What the viewer's parts cost, against the plain way to build them with napari and Qt."""
