"""Training runs. `fit` in fit.py combines the other modules.

They contain the training loop (trainer), its settings (plan), its record (journal, metrics,
run_directory), the progress display (progress), and the search for non-finite values (diagnose).
"""
