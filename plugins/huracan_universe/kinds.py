"""Coins that are not worth a model by what they are: lists of names, symbols as on exchanges."""

from __future__ import annotations

__all__ = ["FIAT", "STABLECOINS", "WRAPPED"]

STABLECOINS = frozenset(
    """
    AEUR AUSD BFUSD BUSD CRVUSD CUSD CUSDT DAI DOLA EURC EURI EURR EURS EURT FDUSD FEI FLEXUSD FRAX FRXUSD GHO GUSD
    HUSD LUSD MIM MUSD OUSD PAX PYUSD RLUSD SUSD SUSDE SUSDS TRYB TUSD USD0 USD1 USDB USDC USDCE USDD USDE USDF
    USDG USDJ USDK USDL USDM USDN USDP USDQ USDR USDS USDT USDTB USDX USDY USDZ UST USTB USTC VAI XUSD ZUSD
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
    ANKRETH BBTC BETH BNSOL BSOL BTCB CBBTC CBETH EZETH FBTC HBTC JITOSOL JUPSOL KHYPE LBTC LSETH METH MSOL OSETH PAXG
    RENBTC RETH RSETH SAVAX SFRXETH SOLVBTC STETH STSOL SWETH TBTC WAVAX WBETH WBNB WBTC WEETH WETH WHYPE WMATIC WPOL
    WSOL WSTETH WTRX XAUT XAUT1
    """.split()  # noqa: SIM905
)
"""Claims on another coin or on gold: their price is that of something else."""
