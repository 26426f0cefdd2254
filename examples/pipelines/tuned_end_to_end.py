"""Drift, tuning in parallel, training, promotion: the shape of ZenML's `e2e` example.

The search fans out over configurations and is reduced again; plain `if` decides what runs, on
values that were just computed; a hook tells of failures; a class of ours gets its own serializer.
"""

import json
from typing import Annotated, Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_wine
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_score, train_test_split

import epochal
from epochal.pipelines import StepContext, pipeline, register, step


class DriftReport:
    """By how many standard deviations the mean of each column moved."""

    def __init__(self, moved: dict[str, float]) -> None:
        self.moved = moved

    @property
    def worst(self) -> float:
        """Of the column that moved most."""
        return max(self.moved.values())


register(
    DriftReport,
    save=lambda report, folder: (folder / "drift.json").write_text(json.dumps(report.moved)),
    load=lambda folder: DriftReport(json.loads((folder / "drift.json").read_text())),
)


def tell(context: StepContext, error: BaseException) -> None:
    print(f"step {context.step} of {context.pipeline} failed: {error}")


@step(on_failure=tell)
def load_data() -> tuple[Annotated[pd.DataFrame, "train"], Annotated[pd.DataFrame, "test"]]:
    frame = load_wine(as_frame=True).frame
    train, test = train_test_split(frame, random_state=0, stratify=frame.target)
    return train.reset_index(drop=True), test.reset_index(drop=True)


@step
def measure_drift(train: pd.DataFrame, test: pd.DataFrame) -> DriftReport:
    moved = ((test.mean() - train.mean()) / train.std()).abs().drop("target")
    return DriftReport({str(name): float(value) for name, value in moved.items()})


@step
def judge_drift(report: DriftReport) -> float:
    return report.worst


@step(retries=1)
def try_config(train: pd.DataFrame, config: dict[str, Any]) -> float:
    model = RidgeClassifier(**config)
    score = float(cross_val_score(model, train.drop(columns="target"), train.target).mean())
    epochal.log({"score": score})
    return score


@step
def choose(scores: list[float], configs: list[dict[str, Any]]) -> dict[str, Any]:
    return configs[int(np.argmax(scores))]


@step
def fit(train: pd.DataFrame, config: dict[str, Any]) -> Annotated[ClassifierMixin, "model"]:
    model = RidgeClassifier(**config)
    return model.fit(train.drop(columns="target"), train.target)


@step
def evaluate(model: ClassifierMixin, test: pd.DataFrame) -> float:
    return float(model.score(test.drop(columns="target"), test.target))


@step
def promote(model: ClassifierMixin, accuracy: float) -> str:
    return f"{type(model).__name__} with accuracy {accuracy:.3f} goes to production"


@pipeline(parallel=4)
def tuned_end_to_end(max_drift: float = 1.0, least: float = 0.8) -> None:
    train, test = load_data()
    if judge_drift(measure_drift(train, test)).load() > max_drift:
        raise SystemExit("the data drifted too far; nothing was trained")
    configs = [
        {"alpha": a, "class_weight": w} for a in (0.1, 1.0, 10.0) for w in (None, "balanced")
    ]
    scores = try_config.map(train, config=configs)
    model = fit(train, choose(scores, configs))
    accuracy = evaluate(model, test)
    if accuracy.load() >= least:
        promote(model, accuracy)


if __name__ == "__main__":
    run = tuned_end_to_end()
    print(run.step("promote").output.load())
