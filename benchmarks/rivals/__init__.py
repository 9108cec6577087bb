"""Other implementations of one IndRNN layer, forward and backward, each in the best form that we found.

Each file has `candidates(case, data, threads) -> {name: Candidate or LeftOut}`. `Candidate.gradients(data)` returns the
states (T, B, H) and the gradients of x, W, u and b, which the runner compares with the reference before anything is
timed; other cells (nn.RNN, nn.LSTM, nn.GRU) have none. Arrays are converted before the clock starts.
"""
