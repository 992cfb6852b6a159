"""Reduction: each sample in a few numbers, with any type of autoencoder."""

from __future__ import annotations

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.applications import Application, Fit, Job, known
from zandloper.cli.estimator_options import types
from zandloper.errors import FileError, ParameterError

# The outputs that `run --what` names, with the methods that return them; the first is the default.
OUTPUTS = {
    "latent": "transform",
    "reconstruction": "predict",
    "error": "reconstruction_error",
    "symbols": "encode_symbols",
    "elbo": "elbo",
    "log_likelihood": "log_likelihood",
}


def fit(task: Fit) -> None:
    """Learn to keep each sample in a few numbers, its latents."""
    of_fit = [name for name in task.settings if name in opt.type_options() and opt.type_options()[name].of_fit]
    arguments = {name: task.read(task.settings.pop(name)) for name in of_fit}
    X = task.X
    model = task.train(X, modality=task.modality(), **arguments)
    task.show(str(model.describe()))
    following = [f"zandloper run {task.output} {task.data} -o latents.csv"]
    if hasattr(model, "sample"):
        table = hasattr(X, "column_names") or getattr(X, "ndim", 3) == 2
        following.append(f"zandloper sample {task.output} -o samples{'.csv' if table else ''}")
    task.finish(f"score    {model.score(X):.4f} on all of the data ({model.score_meaning})", *following)


def run(job: Job, *, what: opt.What = None) -> None:
    """Write latents, reconstructions or other outputs of the model into a file or a folder of images."""
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
        places = job.schema.places(X, fitted.model_.read(X), per_sample=what in ("error", "elbo"))
        result = io.beside(places, result, named or [what]) if places else result
    rate = getattr(job.schema, "rate", None) if what == "reconstruction" else None
    io.write(output, result, named, job.force, rate)
    job.finish(X, f" ({what})", what=what)


def report(
    job: Job, *, labels: opt.Labels = None, target: opt.Target = None, compare_pca: opt.ComparePCA = False
) -> None:
    """Write the model's page, with the user's labels and, where asked for, a comparison with PCA."""
    from zandloper import compare_with_pca, io

    read = io.read(job.data)
    values = {name: inputs.values(text, read, name) for name, text in (("labels", labels), ("target", target)) if text}
    X = known(job.fitted, read)
    if hasattr(X, "column_names") and not job.schema.column_names():
        X = X.drop_columns([text for text in {labels, target} if text in X.column_names])
    job.show(f"data     {io.in_words(X)}")
    extra = [compare_with_pca(X, autoencoder=job.fitted, random_state=job.seed or 0)] if compare_pca else []
    page = job.fitted.report(X, values.get("target"), labels=values.get("labels"), extra=extra)
    page.save(job.output, overwrite=job.force)
    job.finish(note=f" ({job.output.stat().st_size / 1e6:.1f} MB): open it in a browser")


APPLICATION = Application(
    name="reduce",
    model="autoencoder",
    estimator="BaseAutoencoder",
    gives="writes latents, reconstructions and errors",
    run=run,
    report=report,
    fit=fit,
    types=types,
)
