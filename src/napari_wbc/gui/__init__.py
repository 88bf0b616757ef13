"""The napari plugin: dock widgets, layers, readers and writers over the same core that the command line uses."""
