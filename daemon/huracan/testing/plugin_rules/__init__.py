"""What :func:`huracan.testing.plugins.check_plugin` asks, by subject."""
