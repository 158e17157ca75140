"""Makes packages of new plugins: ``huracan plugin new``. Nothing else of Huracan needs this package."""
