"""Tajo connects Zoom to Brevo."""

__version__ = "0.1.0"
