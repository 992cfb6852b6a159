"""Colors, axes and panels that all figures share."""
