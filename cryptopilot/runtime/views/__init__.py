"""Translations of what the pipeline holds into the published shapes. They read a moment, and hold no opinion."""
