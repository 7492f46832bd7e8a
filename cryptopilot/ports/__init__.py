"""What we ask of the world, as protocols. Adapters and the simulation answer; nobody else needs to know who."""
