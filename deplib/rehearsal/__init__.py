"""Rehearsals: each chapter run alone, as a stranger meets it, and what that costs.

A *session* has a virtual environment in which nothing but torch and a kernel is installed, and a
snapshot of the working tree as a git repository. A chapter is executed there in an empty folder,
with an empty data folder; its own set-up cell installs deplib from the snapshot. Nothing of the
checkout can be imported. What was measured is kept in ``results/timings/``, which
the chapters print.
"""
