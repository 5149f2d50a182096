"""Seeded random histories: what people, Zoom, Brevo, the operator and crashes do in any order, against the truth."""
