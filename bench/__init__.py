"""How fast it is: one script per figure, each against what others use or what the machine can do at best."""
