"""Whether features are fit for use: checks, the reference embedding, planted faults."""
