"""Drivers carry plans out, in threads or on an event loop. They decide nothing."""
