"""The settings of `indrnn train`: their table, how they are read and merged, and the objects they build.

Only `build` imports numpy, because the command first sets environment variables that numpy reads.
"""
