"""What a model costs: time and memory measured, operations counted, exponents fitted."""
