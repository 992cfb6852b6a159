"""The plain autoencoder: undercomplete or overcomplete, shallow or deep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from zandloper.autoencoders.base import BaseAutoencoder

if TYPE_CHECKING:  # drawing is loaded where it is asked for
    pass


@dataclass(eq=False, repr=False, kw_only=True)
class Autoencoder(BaseAutoencoder):
    """The autoencoder: encoder, bottleneck, decoder, trained to give back what went in.

    Undercomplete or overcomplete as `latent_dim` says, shallow or deep as `hidden` says. Beside the nets runs a linear
    path that starts at the PCA solution, so that it is never worse than PCA on rows held out.

    Parameters
    ----------
    latent_dim : int, float or None
        Size of the latent space. None: as many as PCA needs for 90 % of the variance, within 2 to 64; a fraction
        between 0 and 1: as many as PCA needs for that share.
    hidden : "auto" or tuple of int
        Layers of the encoder; the decoder mirrors them. Widths for dense nets, channels for convolutions, widths of the
        tokens for attention. `()`: none, for dense nets.
    activation : str
        silu, relu, gelu, tanh, sigmoid, elu, leaky_relu or linear.
    encoder, decoder : "auto", the name of a net in `zandloper.model.networks`, or nn.Module
        The nets: "dense" ones read all data, "conv1d" series and sounds, "conv2d", "residual" and "unet2d" images,
        "attention" any of these three in patches, "tokens" texts; "spatial" gives images codes with places. "auto":
        convolutions for samples of more than 4,096 values that have neighbors, else dense. Own modules: an encoder
        takes (n, *shape of a sample) in model units, a decoder takes (n, latent_dim).
    loss : "auto", "mse", "mae", "bce", "cross_entropy", "mixed" or nn.Module
        How the error is measured. An own module takes (prediction, target) to errors, not reduced.
    modality : "auto", "table", "image", "series", "audio", "text" or an object of zl.modality
        What the data are read as. Series and arrays of sound are never guessed.
    target : "input" or "y"
        What the decoder is trained towards.
    target_modality : "auto", "table", "image", "series", "audio", "text" or an object of zl.modality
        What y is read as, with `target="y"`.
    validation : "auto", float, data, (X, y) or a scikit-learn splitter
        "auto": in tables of 6 to 999 rows, the error on rows held out by three folds chooses the number of epochs, then
        all rows train; elsewhere, and with `max_minutes`, a tenth of the rows validates. A number: that share of the
        rows (0: all rows train, and the last weights are kept). Or other data, or a splitter's first split.
    max_epochs : "auto" or int
        At most that many passes over the data.
    max_minutes : float or None
        At most that many minutes for all of `fit`, earlier parts of a resumed run included.
    patience : "auto" or int
        Stop after that many epochs without a better validation error.
    batch_size, lr : "auto" or numbers
        Rows a step, and the highest learning rate of the schedule.
    optimizer : "adam", "adamw", "sgd" or a torch.optim class
    weight_decay : float
    linear_path : "auto" or bool
        The linear path from PCA; False gives the textbook net.
    device : str
        "auto", "cpu", "cuda" ...
    precision : "auto", "float32" or "bfloat16"
        Of the matrix products while training.
    checkpoint : path or None
        A folder where the run's state is kept; a run that was killed goes on from there to the same end.
    random_state : int, RandomState or None
        The same number gives the same bits on the same machine.
    verbose : "auto" or bool
        A progress bar on long work; "auto": on a terminal.
    corrupt, bottleneck : nn.Module or None
        Own modules for these slots: `x -> x` and `neck -> z` or `(z, cost)`.

    Attributes
    ----------
    module_ : nn.Module
        The trained hourglass.
    history_ : list of dict
        Per epoch: epoch, train, validation; the first entry is the start.
    n_epochs_ : int
    stopped_by_ : str
        "early_stopping", "max_epochs" or "max_minutes".
    fit_seconds_ : float
    latent_shape_ : tuple of int
    n_features_in_ : int

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> model = zl.Autoencoder(latent_dim=2, random_state=0).fit(X)
    >>> model.transform(X).shape
    (150, 2)
    >>> bool(model.score(X) > 0.95)  # PCA: 0.958
    True

    References
    ----------
    Hinton and Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks", Science 313.
    """

    loss: Any = "auto"
    target: str = "input"
    target_modality: Any = "auto"
    linear_path: Any = "auto"
    corrupt: nn.Module | None = None
    bottleneck: nn.Module | None = None
