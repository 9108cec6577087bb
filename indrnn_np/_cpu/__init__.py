"""Compilation and its cache, threads, aligned arrays, vector code and environment variables."""
