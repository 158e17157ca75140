"""Coins that are not worth a model by what they are: lists of names, symbols as on exchanges."""

from __future__ import annotations

__all__ = ["FIAT", "STABLECOINS", "WRAPPED"]

STABLECOINS = frozenset(
    """
    AEUR BFUSD BUSD CUSD DAI EURC EURI EURS FDUSD FRAX GHO GUSD HUSD LUSD MIM MUSD PAX PYUSD RLUSD SUSD TUSD USD1 USDB
    USDC USDD USDE USDG USDJ USDK USDN USDP USDQ USDS USDT USDX UST USTC VAI XUSD ZUSD
    """.split()  # noqa: SIM905
)
"""Pegged to a currency, or once pegged and still named so: what a broken peg does next is no pattern to learn."""

FIAT = frozenset(
    """
    AED ARS AUD BIDR BKRW BRL BVND CAD CHF COP CZK DKK EUR GBP HKD HUF IDR IDRT INR JPY KRW KZT MXN NGN NOK NZD PHP PLN
    RON RUB SEK SGD THB TRY UAH USD VND ZAR
    """.split()  # noqa: SIM905
)
"""National currencies and their tokens on exchanges."""

WRAPPED = frozenset(
    """
    BBTC BETH BNSOL BTCB CBBTC CBETH HBTC JITOSOL JUPSOL MSOL RENBTC RETH SFRXETH STETH STSOL WBETH WBNB WBTC WEETH WETH
    WSTETH PAXG XAUT
    """.split()  # noqa: SIM905
)
"""Claims on another coin or on gold: their price is that of something else."""
