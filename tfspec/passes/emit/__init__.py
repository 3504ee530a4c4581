"""From the program to the text of one PyTorch file."""
