"""Who may come in: users, passwords, tokens, sessions. Below every door, and knowing none."""
