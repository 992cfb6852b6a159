"""`zl.Generator`: new rows, images, series, sounds and texts, and measurements of how real they are."""
