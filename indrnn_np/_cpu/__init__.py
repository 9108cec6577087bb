"""What the CPU ops share: compilation and its cache, threads, aligned arrays, vector code and environment variables."""
