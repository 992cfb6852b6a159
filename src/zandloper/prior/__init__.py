"""What is sampled from: a distribution over the latent space, fitted after training. One file each: a `Spec` whose
`build(latent_dim)` gives a module with `learn(codes, rng)`, `sample(n, rng) -> (n, latent_dim)` and
`log_prob(z) -> (n,)` in nats; `of_symbols` says whether its codes are symbols or points."""
