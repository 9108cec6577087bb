"""What a training run is made of; `fit` in train.py puts it together.

The loop (trainer), its numbers (plan), its record (journal, metrics, run_directory), what a person sees of it
(progress), and what went wrong (diagnose).
"""
