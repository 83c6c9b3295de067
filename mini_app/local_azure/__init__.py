"""Two regions of a cloud on this machine: the ARM calls that Overwatch uses, with real processes behind them."""
