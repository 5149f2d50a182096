"""What Tajo costs, measured: `make bench`, or `python -m benchmarks [NAME …] [--quick]`."""
