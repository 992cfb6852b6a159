"""`zl.Compressor`: compression with every value within a stated bound."""
