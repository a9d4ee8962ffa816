"""Everything a key can do, once: the footer, the help, the palette and the bindings are read from here.

A handler is the name of a Textual action: ``app.`` before it means the app has the method, otherwise the screen has it.
"""

from recourse_tui.actions.action import ANYWHERE, VIEWS, Action
from recourse_tui.actions.registry import ACTIONS, bindings, footer, key_name, of_screen

__all__ = ["ACTIONS", "ANYWHERE", "VIEWS", "Action", "bindings", "footer", "key_name", "of_screen"]
