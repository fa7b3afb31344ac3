"""The talk page: `index.html`, its modules and how they are served."""
