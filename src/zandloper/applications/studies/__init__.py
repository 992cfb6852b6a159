"""Studies: comparisons with PCA and over latent sizes, the table of curves, and the demo."""
