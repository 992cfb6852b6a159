"""The parts of `zl.Denoiser`: data of any size, lessons, nets, and what `fit` and `transform` do with them."""
