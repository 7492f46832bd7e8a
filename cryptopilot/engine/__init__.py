"""Time and order: which clock, which event next, who hears it, and what becomes durable when."""
