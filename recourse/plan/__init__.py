"""The decisions of a call, written once.

:func:`recourse.plan.govern.govern` is a generator: it yields what is to be done (run this attempt,
sleep, launch a hedge, wait) and is sent what came of it. The drivers do it, in threads or on an
event loop, and decide nothing.
"""
