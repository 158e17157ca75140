"""Prints the values that ``tests/unit/market/test_luck.py`` compares with, made by independent libraries.

Run it in an environment of its own: ``pip install empyrical-reloaded statsmodels``, then this file.
"""

from __future__ import annotations

import empyrical  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import statsmodels.api as sm  # type: ignore[import-not-found,import-untyped,unused-ignore]

RETURNS = np.random.default_rng(2014).standard_t(4, 500) * 0.01 + 0.0005


def main() -> None:
    """Print name and value of each measure, annualised with 365 days."""
    print("empyrical-reloaded", empyrical.__version__)
    print("sharpe", repr(float(empyrical.sharpe_ratio(RETURNS, annualization=365))))
    print("sortino", repr(float(empyrical.sortino_ratio(RETURNS, annualization=365))))
    print("calmar", repr(float(empyrical.calmar_ratio(RETURNS, annualization=365))))
    print("max_drawdown", repr(float(empyrical.max_drawdown(RETURNS))))
    print("net_pnl", repr(float(empyrical.cum_returns_final(RETURNS))))
    print("statsmodels", sm.__version__)
    for lags in (0, 8):
        model = sm.OLS(RETURNS - RETURNS[::-1].cumsum() / 100, np.ones(len(RETURNS)))
        fit = model.fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
        print("paired_gain", lags, repr(float(fit.tvalues[0])), repr(float(fit.pvalues[0])))


if __name__ == "__main__":
    main()
