"""Who may use the console: users with passwords and roles, sessions, one-time links, and the lock-out."""
