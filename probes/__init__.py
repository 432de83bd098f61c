"""Asking the questions: plan, backends, engine, run file and command line."""
