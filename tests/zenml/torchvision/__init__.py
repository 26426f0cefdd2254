"""As much of torchvision as the guide imports, over Fashion-MNIST's own files."""
