"""Load, normalize, train, evaluate: the shape of ZenML's `mlflow_tracking` example.

The training step logs with the unmodified client of MLflow; what it logs lands in Epochal, in a
run beside the step's own. A registered tracker would name a server of MLflow instead.
"""

from typing import Annotated, Any

import mlflow
import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from epochal.pipelines import pipeline, step


@step
def loader() -> tuple[
    Annotated[np.ndarray, "x_train"],
    Annotated[np.ndarray, "x_test"],
    Annotated[np.ndarray, "y_train"],
    Annotated[np.ndarray, "y_test"],
]:
    return tuple(train_test_split(*load_digits(return_X_y=True), random_state=0))


@step
def normalizer(
    x_train: np.ndarray, x_test: np.ndarray
) -> tuple[Annotated[np.ndarray, "x_train_normed"], Annotated[np.ndarray, "x_test_normed"]]:
    return x_train / 16.0, x_test / 16.0


@step(tracker="mlflow")
def trainer(x_train: np.ndarray, y_train: np.ndarray, c: float = 1.0) -> ClassifierMixin:
    model = LogisticRegression(C=c, max_iter=300).fit(x_train, y_train)
    mlflow.log_param("C", c)
    mlflow.log_metric("train_accuracy", model.score(x_train, y_train))
    return model


@step
def evaluator(x_test: np.ndarray, y_test: np.ndarray, model: ClassifierMixin) -> float:
    return float(model.score(x_test, y_test))


@pipeline
def tracked_by_mlflow(c: float = 1.0) -> Any:
    x_train, x_test, y_train, y_test = loader()
    x_train, x_test = normalizer(x_train, x_test)
    return evaluator(x_test, y_test, trainer(x_train, y_train, c=c))


if __name__ == "__main__":
    print(f"accuracy {tracked_by_mlflow().step('evaluator').output.load():.3f}")
