"""The local equivalents of AWS's services: engines without HTTP."""
