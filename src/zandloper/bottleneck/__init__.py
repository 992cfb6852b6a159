"""What is kept, and at what cost? One file each: a `Spec` whose `build(neck_dim, latent_dim)` gives a module
`(neck, offset, rng) -> Code`. It owns its heads; `offset` is what the linear path says, to be added to the head's word.
`start_at_zero()` makes the heads silent, so that the linear path alone speaks at first."""
