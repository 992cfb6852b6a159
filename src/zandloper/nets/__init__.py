"""How is it summarised, and what is made of the summary? One file each: a `Spec` with two builders.

`encoder(in_shape, context_dim)` gives a module `(x, context) -> Neck` with `neck_dim`;
`decoder(latent_dim, out_shape, context_dim)` gives a module `(z, skips, context) -> parameters` with
`start_at_zero()`. Both know nothing of the bottleneck. `auto(in_shape, latent_dim)` chooses sizes for data of a shape.
"""
