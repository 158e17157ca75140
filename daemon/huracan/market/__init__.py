"""The domain that several plugins share: candles and their checks, costs, performance measures."""
