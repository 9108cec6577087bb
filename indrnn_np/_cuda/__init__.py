"""What the CUDA ops share: numba's CUDA target, kernels and launches, memory, matrix products and graphs."""
