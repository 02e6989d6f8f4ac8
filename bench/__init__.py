"""The benchmarks: every figure of the product on real parts, beside what the ordinary design reaches."""
