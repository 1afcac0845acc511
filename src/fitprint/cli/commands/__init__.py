"""The commands that fitprint brings, a module each."""
