"""`zl.Denoiser`: noise removal for images and sounds of any size, series and tables, and imputation."""
