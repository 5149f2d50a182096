"""Brevo's REST API v3: one module an endpoint family, each call a value, sent by `client.BrevoClient`."""
