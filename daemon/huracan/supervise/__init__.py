"""Keeps child processes under watch: stall, time limit, restart, end of the whole group."""
