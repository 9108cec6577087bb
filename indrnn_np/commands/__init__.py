"""The subcommands of `indrnn`, one file each.

Each file has `add_arguments(parser)` and `run(args)`, which returns the exit code. No file imports
numpy before `run`, because the command sets environment variables that numpy reads first.
"""
