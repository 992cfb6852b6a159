"""Colors, axes and panels shared by all figures."""
