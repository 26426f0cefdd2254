"""Import, train, evaluate: the shape of ZenML's `pytorch` example, in the style of 2022.

Steps are called to make instances, a pipeline is given them, and `run()` runs it. Only the imports
differ from what one wrote then. The images are the digits that scikit-learn ships.
"""

from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from epochal.zenml.pipelines import pipeline
from epochal.zenml.steps import Output, step


class Classifier(nn.Module):
    """Two layers of convolution, one of decisions."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(2 * width * 16, 10),
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Score each class."""
        return self.layers(images)


@step
def importer(batch_size: int = 64) -> Output(train=DataLoader, test=DataLoader):
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    train = TensorDataset(images[:1500], labels[:1500])
    test = TensorDataset(images[1500:], labels[1500:])
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, batch_size)


@step
def trainer(train: DataLoader, epochs: int = 4, lr: float = 0.05) -> nn.Module:
    torch.manual_seed(0)
    model = Classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for epoch in range(epochs):
        for images, labels in train:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: loss {loss.item():.3f}")
    return model


@step
def evaluator(test: DataLoader, model: nn.Module) -> float:
    model.eval()
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in test)
    return right / len(test.dataset)


@pipeline
def image_classifier(importer: Any, trainer: Any, evaluator: Any) -> None:
    train, test = importer()
    model = trainer(train)
    evaluator(test, model)


if __name__ == "__main__":
    run = image_classifier(importer(), trainer(), evaluator()).run()
    print(f"accuracy {run.step('evaluator').output.load():.3f}")
