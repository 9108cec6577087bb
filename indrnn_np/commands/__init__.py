"""The subcommands of `indrnn`, one file each: `add_arguments(parser)` and `run(args)`, which returns the exit code.

Nothing here imports numpy before `run`: the command sets what numpy reads from the environment first.
"""
