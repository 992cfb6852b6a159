"""`zl.Denoiser`: noise removed from data of any size, and missing values filled in."""
