"""What can be found out about a network: reports that train nothing new."""
