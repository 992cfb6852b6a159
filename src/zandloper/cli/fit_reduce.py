"""Reduction: keep each sample in a few numbers. All types of autoencoder do it."""

from __future__ import annotations

from typing import Any

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import fit_app
from zandloper.cli.applications import Application, Job, known
from zandloper.errors import FileError, ParameterError

# What `run --what` gives by which method, where the model has it; the first is the default.
OUTPUTS = {
    "latent": "transform",
    "reconstruction": "predict",
    "error": "reconstruction_error",
    "symbols": "encode_symbols",
    "elbo": "elbo",
    "log_likelihood": "log_likelihood",
}


@fit_app.command("reduce")
@opt.with_options_of_types
def fit(
    data: opt.Data,
    output: opt.ModelOut,
    columns: opt.Columns = None,
    drop: opt.Drop = None,
    modality: opt.Modality = None,
    size: opt.Size = None,
    channels: opt.Channels = None,
    window: opt.Window = None,
    time: opt.Time = None,
    type: opt.Type = None,
    latent_dim: opt.LatentDim = None,
    hidden: opt.Hidden = None,
    activation: opt.Activation = None,
    encoder: opt.Encoder = None,
    loss: opt.LossOutput = None,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    validation: opt.Validation = None,
    batch_size: opt.BatchSize = None,
    lr: opt.LR = None,
    seed: opt.Seed = None,
    device: opt.Device = None,
    precision: opt.Precision = None,
    checkpoint: opt.Checkpoint = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    **of_types: Any,
) -> None:
    """Learn to keep each sample in a few numbers, its latents."""
    own = inputs.settings(**of_types)
    inputs.check_type(type or opt.PLAIN, own)
    settings = inputs.settings(
        latent_dim=latent_dim,
        hidden=hidden,
        activation=activation,
        encoder=encoder,
        loss=loss,
        max_epochs=max_epochs,
        max_minutes=max_minutes,
        validation=validation,
        batch_size=batch_size,
        lr=lr,
        random_state=seed,
        device=device,
        precision=precision,
        checkpoint=checkpoint,
        verbose=False if quiet else None,
    )
    inputs.check_model_output(output, data, force)
    import zandloper
    from zandloper import io

    X = inputs.read(data, columns, drop)
    settings |= inputs.settings(modality=inputs.modality(X, modality, size, channels, window, time))
    say = inputs.speaker(quiet)
    say(f"data     {io.in_words(X)}")
    of_fit = {name: inputs.read(path, columns, drop) for name, path in own.items() if opt.type_options()[name].of_fit}
    settings |= {name: value for name, value in own.items() if name not in of_fit}
    model = getattr(zandloper, opt.types()[type or opt.PLAIN])(**settings)
    model.fit(X, **of_fit)
    model.save(output, overwrite=force)
    say(str(model.describe()))
    say(f"score    {model.score(X):.4f} on all of the data ({model.score_meaning})")
    say(f"written  {output}\nnext     zandloper run {output} {data} -o latents.csv")
    if hasattr(model, "sample"):
        table = hasattr(X, "column_names") or getattr(X, "ndim", 3) == 2
        say(f"         zandloper sample {output} -o samples{'.csv' if table else ''}")


def run(job: Job, *, what: opt.What = None) -> None:
    """Latents, reconstructions and what else the model gives, into a file or a folder of images."""
    from zandloper import io

    fitted, output = job.fitted, job.output
    outputs = {name: method for name, method in OUTPUTS.items() if hasattr(type(fitted), method)}
    what = what or next(iter(outputs))
    if what not in outputs:
        raise ParameterError(f"--what {what} is not known: this model gives {', '.join(outputs)}")
    if what != "reconstruction" and io.ending(output) in (".png", "", *io.audio.ENDINGS):
        kind = "sounds" if io.ending(output) in io.audio.ENDINGS else "images"
        raise FileError(f"{output} is for {kind}, and --what {what} gives numbers: write to .csv, .parquet or .npy")
    X = job.read()
    result = getattr(fitted, outputs[what])(X)
    named = {
        "latent": lambda: list(fitted.get_feature_names_out()),
        "reconstruction": lambda: getattr(X, "names", None),
        "error": lambda: ["reconstruction_error"],
        "symbols": lambda: [f"symbol_{i}" for i in range(result.shape[1])],
    }.get(what, lambda: [what])()
    if what != "reconstruction" and io.ending(output) in io.tables.ENDINGS:
        places = job.schema.places(X, fitted._read(X), per_sample=what in ("error", "elbo"))
        result = io.beside(places, result, named or [what]) if places else result
    rate = getattr(job.schema, "rate", None) if what == "reconstruction" else None
    io.write(output, result, named, job.force, rate)
    job.say(f"data     {io.in_words(X)}\nwritten  {output} ({what})")


def report(
    job: Job, *, labels: opt.Labels = None, target: opt.Target = None, compare_pca: opt.ComparePCA = False
) -> None:
    """The model's page, with the user's labels, and beside PCA where asked for."""
    from zandloper import compare_with_pca, io

    read = io.read(job.data)
    values = {name: inputs.values(text, read, name) for name, text in (("labels", labels), ("target", target)) if text}
    X = known(job.fitted, read)
    if hasattr(X, "column_names") and not job.schema.column_names():
        X = X.drop_columns([text for text in {labels, target} if text in X.column_names])
    job.say(f"data     {io.in_words(X)}")
    extra = [compare_with_pca(X, autoencoder=job.fitted, random_state=0)] if compare_pca else []
    page = job.fitted.report(X, values.get("target"), labels=values.get("labels"), extra=extra)
    page.save(job.output, overwrite=job.force)
    job.say(f"written  {job.output} ({job.output.stat().st_size / 1e6:.1f} MB): open it in a browser")


APPLICATION = Application(
    name="reduce",
    model="autoencoder",
    estimator="BaseAutoencoder",
    gives="writes latents, reconstructions and errors",
    run=run,
    report=report,
)
