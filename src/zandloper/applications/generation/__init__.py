"""`zl.Generator`: synthetic rows, images, series, sounds and texts, and their evaluation."""
