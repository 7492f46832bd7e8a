"""What things are: the nouns of trading as values that are valid from birth and state their units."""
