"""The exchange that is not there: its matching engine, and a market that it makes up by itself and says so."""
