"""Who may do what: roles and actions (`policy`), people, accounts, logins, and the desk that people's writes pass."""
