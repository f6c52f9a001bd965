"""What Weir costs, beside Debian's Mosquitto and bare SQLite in the same run.

`python -m benchmarks` prints the table; docs/explanation/benchmarks.md says how it is measured.
"""
