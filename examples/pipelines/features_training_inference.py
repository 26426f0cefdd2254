"""Three pipelines that hand on to each other: the shape of ZenML's `mlops_starter` example.

Features are made once; two kinds of models learn from them, each with its own configuration, and
the better one is promoted; inference takes what was promoted. A pipeline reads what another one
made by the names of steps and outputs.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

import epochal
from epochal.pipelines import get_runs, pipeline, step

LEAST_ACCURACY = 0.9
CONFIGS = {
    "sgd": {"parameters": {"kind": "sgd"}, "steps": {"trainer": {"parameters": {"seed": 1}}}},
    "bayes": {"parameters": {"kind": "bayes"}},
}


# --------------------------------------------------------------------------- feature engineering
@step
def data_loader() -> Annotated[pd.DataFrame, "dataset"]:
    return load_breast_cancer(as_frame=True).frame


@step
def data_splitter(
    dataset: pd.DataFrame, test_size: float = 0.2
) -> tuple[Annotated[pd.DataFrame, "raw_train"], Annotated[pd.DataFrame, "raw_test"]]:
    train, test = train_test_split(dataset, test_size=test_size, random_state=42)
    return train.reset_index(drop=True), test.reset_index(drop=True)


@step
def data_preprocessor(
    raw_train: pd.DataFrame, raw_test: pd.DataFrame
) -> tuple[
    Annotated[pd.DataFrame, "train"],
    Annotated[pd.DataFrame, "test"],
    Annotated[StandardScaler, "scaler"],
]:
    scaler = StandardScaler().set_output(transform="pandas")
    train = scaler.fit_transform(raw_train.drop(columns="target"))
    test = scaler.transform(raw_test.drop(columns="target"))
    return train.assign(target=raw_train.target), test.assign(target=raw_test.target), scaler


@pipeline
def feature_engineering() -> None:
    data_preprocessor(*data_splitter(data_loader()))


# -------------------------------------------------------------------------------------- training
@step
def trainer(train: pd.DataFrame, kind: str, seed: int = 0) -> Annotated[ClassifierMixin, "model"]:
    model = GaussianNB() if kind == "bayes" else SGDClassifier(random_state=seed)
    return model.fit(train.drop(columns="target"), train.target)


@step
def evaluator(model: ClassifierMixin, test: pd.DataFrame) -> Annotated[float, "accuracy"]:
    accuracy = float(model.score(test.drop(columns="target"), test.target))
    epochal.log({"accuracy": accuracy})
    if accuracy < LEAST_ACCURACY:
        print(f"{accuracy:.3f} is less than {LEAST_ACCURACY}: it will not be promoted")
    return accuracy


@pipeline
def training(kind: str) -> None:
    features = get_runs("feature_engineering")[0].step("data_preprocessor").out
    model = trainer(features.train.load(), kind=kind)
    evaluator(model, features.test.load())


# ------------------------------------------------------------------------------------- inference
@step
def predictor(model: ClassifierMixin, scaler: StandardScaler, rows: pd.DataFrame) -> np.ndarray:
    return model.predict(scaler.transform(rows))


@pipeline
def inference(promoted: str) -> None:
    """Predict with the model of a run of `training`."""
    runs = {run.id: run for run in get_runs("training")}
    scaler = get_runs("feature_engineering")[0].step("data_preprocessor").out.scaler.load()
    rows = load_breast_cancer(as_frame=True).data.head(20)
    predictor(runs[promoted].step("trainer").out.model.load(), scaler, rows)


if __name__ == "__main__":
    feature_engineering()
    trained = [training.with_options(config=config)() for config in CONFIGS.values()]
    best = max(trained, key=lambda run: run.step("evaluator").out.accuracy.load())
    predictions = inference(promoted=best.id).step("predictor").output.load()
    print(f"promoted {best.id}: {predictions.tolist()}")
