"""Studies: comparisons over latent sizes and with PCA, and the demo."""
