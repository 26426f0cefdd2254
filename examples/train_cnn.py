"""A plain PyTorch loop with tracking in it. Three lines are Epochal's; the rest is yours.

The images are the 1,797 handwritten digits that scikit-learn ships: real, small, and on disk.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

import epochal

config = {"lr": 0.05, "width": 16, "epochs": 8, "batch_size": 64}

# ------------------------------------------------------------------------------------------- data
digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
y = torch.tensor(digits.target)
train_x, val_x, train_y, val_y = x[:1500], x[1500:], y[:1500], y[1500:]

# ------------------------------------------------------------------------------------------ model
width = config["width"]
model = nn.Sequential(
    nn.Conv2d(1, width, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(width, 2 * width, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(2 * width * 16, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9)
loss_function = nn.CrossEntropyLoss()

# ------------------------------------------------------------------------------------------- loop
run = epochal.init(project="digits", config=config)
run.define_metric("val/acc", summary="max")

for epoch in range(config["epochs"]):
    for chosen in torch.randperm(len(train_x)).split(config["batch_size"]):
        loss = loss_function(model(train_x[chosen]), train_y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"train/loss": loss})  # a tensor is fine: log() does not wait for a device

    with torch.no_grad():
        logits = model(val_x)
        accuracy = (logits.argmax(1) == val_y).float().mean()
    run.log({"val/loss": loss_function(logits, val_y), "val/acc": accuracy, "epoch": epoch})
    print(f"epoch {epoch}: validation accuracy {accuracy:.1%}")

run.finish()
