"""The parts of gpu.py, and what runs them.

plan.py lists the parts in order, with their time limits. A worker process (worker.py) runs them and sends what it
measures, line by line (part.py), to the parent, which writes the results (results.py). clock.py measures times.
"""
