"""As much of torchvision as public guides import, over Fashion-MNIST's own files."""
