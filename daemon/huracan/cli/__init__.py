"""The command line. Importing this package loads nothing: each command is a module of its own."""
