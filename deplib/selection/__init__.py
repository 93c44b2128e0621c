"""What choosing on Dev does: many cohorts at feature level, many candidates, rules that choose.

``completion.complete`` computes what is missing of ``results/selection/``, ``record.load`` reads it
and ``rules`` says how an epoch and a setting are chosen from the courses of ``courses``.
"""
