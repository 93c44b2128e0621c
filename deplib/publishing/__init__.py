"""The parts of publishing: which chapters there are, and what a published page looks like."""

from deplib.errors import DeplibError


class PublishError(DeplibError):
    """A chapter fails, a page is stale, or the book's text and order contradict each other."""
