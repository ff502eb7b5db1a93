"""How the bundled models are made. Needs the extra [train]; nothing here runs at question time."""
