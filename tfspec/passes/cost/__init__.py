"""What a model costs: parameters, FLOPs and sizes, each as a formula and as a number."""
