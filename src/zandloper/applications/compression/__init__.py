"""`zl.Compressor`: fewer bytes, every value within a stated bound."""
