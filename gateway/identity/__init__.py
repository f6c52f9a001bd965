"""Who may do what: local credentials for now; things, certificates and policies stand here too."""
