"""What the doors answer, field by field: the published shapes of API.md, checked statically where they are filled.

Money, prices and quantities are decimal texts, ratios fractions, times ISO 8601 in UTC with a Z. None is unknown.
"""
