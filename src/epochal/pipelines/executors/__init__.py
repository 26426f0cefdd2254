"""Where attempts of steps run: in a thread of the driver, or in a process that can be killed.

An executor is one function: ``run(task, signature, timeout, raised) -> Outcome``. It returns the
outcome of a failed step, and raises nothing but what the user's interruption raises.
"""
