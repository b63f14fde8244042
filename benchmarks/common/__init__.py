"""What do several benchmarks share?"""
