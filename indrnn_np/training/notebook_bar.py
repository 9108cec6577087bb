"""A progress bar in a Jupyter notebook."""

from __future__ import annotations

from rich.progress import Progress

from .._types import Value


class NotebookBar(Progress):
    """A bar that is one output of a cell, updated in place. rich's own needs ipywidgets."""

    _handle: Value = None  # of the output

    def start(self) -> None:
        """Show the bar."""
        self.refresh()

    def refresh(self) -> None:
        """Show the current state, in place of the one before."""
        from IPython.display import display

        if self._handle is None:
            self._handle = display(self, display_id=True)
        else:
            self._handle.update(self)

    def stop(self) -> None:
        """Show the last state; the bar remains."""
        self.refresh()
