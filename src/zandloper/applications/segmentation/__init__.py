"""`zl.Segmenter`: a class per pixel, for images of any size."""
