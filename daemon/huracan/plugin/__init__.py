"""The border between the core and its plugins: ``spec`` is the contract, ``manager`` the only user of pluggy."""
