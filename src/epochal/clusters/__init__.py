"""The ways to a cluster: Ray and Slurm, for steps of pipelines and for agents of sweeps alike.

Epochal runs no scheduler of its own. What is sent there is the user's, and travels as Ray and
submitit send it.
"""
