"""Gradients beyond one backward pass: second derivatives, gradients of samples, attribution, and online gradients."""
