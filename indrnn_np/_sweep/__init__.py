"""Many runs of `indrnn train` on an executor of concurrent.futures; `ir.sweep` is the function.

product.py  the runs of a sweep: the product of the values of settings and the seeds
job.py      one run as plain values, which any process can begin, resume or skip
pool.py     jobs on processes of this machine, or on an executor of the caller
cells.py    numbers of several runs as text: mean, range and unit
results.py  the table of a sweep, with means and ranges over seeds
sweep.py    the function
"""
