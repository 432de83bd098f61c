"""Showing it: charts, the report, terminal tables and exports."""
