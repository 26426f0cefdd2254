"""What a training leaves beside its numbers: the images it gets wrong, and its model."""

from __future__ import annotations

from torch import Tensor, nn

import epochal
from epochal.demo.images import Images

MISTAKES = 12


def log_mistakes(run: epochal.Run, images: Images, logits: Tensor) -> None:
    """The first images that were taken for something else, and how often that happens to each.

    Args:
        run: where to log, at its present step.
        images: the data set; its validation images are looked at.
        logits: shaped (n, classes), of the n validation images.
    """
    guesses, names = logits.argmax(1), images.classes
    wrong = (guesses != images.val_y).nonzero().flatten()[:MISTAKES].tolist()
    shown = [
        epochal.Image(
            images.val_x[i, 0].numpy(),
            caption=f"{names[int(images.val_y[i])]}, taken for {names[int(guesses[i])]}",
        )
        for i in wrong
    ]
    confusion = epochal.plot.confusion_matrix(
        preds=guesses.tolist(), y_true=images.val_y.tolist(), class_names=list(names)
    )
    media: dict[str, object] = {"val/confusion": confusion}
    if shown:
        media["val/mistakes"] = shown
    run.log(media, commit=False)


def keep_model(run: epochal.Run, images: Images, model: nn.Module) -> None:
    """Store the model with its signature and register it as the project's classifier."""
    model.eval()
    name = f"{images.name}-classifier"
    kept = run.log_model(model, name, input_example=images.val_x[:2])
    run.link_artifact(kept, name)
