"""Runs: the order of jobs, one job in its process, the pipeline that starts them, and their heartbeats."""
