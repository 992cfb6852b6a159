"""`zl.Segmenter`: a class for every pixel."""
