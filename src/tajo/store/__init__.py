"""The SQL edge: SQLite or Postgres, the same statements. Functions take a connection and hold no state."""
