"""What does the encoder see? One file each: a `Spec` whose `build()` gives a module `(batch, rng) -> Seen`."""
